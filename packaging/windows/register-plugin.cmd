@echo off
rem Tells Remote Desktop Connection of this user where Nearside's plugin is; needs no administrator.
rem
rem usage: register-plugin.cmd PATH\nearside_rdp.dll
rem        register-plugin.cmd /remove
setlocal
set "key=HKCU\Software\Microsoft\Terminal Server Client\Default\AddIns\Nearside"
if "%~1"=="" (
    echo usage: %~nx0 PATH\nearside_rdp.dll
    echo        %~nx0 /remove
    exit /b 2
)
if /i "%~1"=="/remove" (
    reg delete "%key%" /f
    exit /b
)
if not exist "%~f1" (
    echo %~nx0: %~1 is not there
    exit /b 1
)
reg add "%key%" /v Name /t REG_SZ /d "%~f1" /f
