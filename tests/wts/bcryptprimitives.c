/* What Rust's library for Windows draws random numbers from, for a wine that has not got it (8.0). */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size)
{
    return size <= MAXDWORD && SystemFunction036(data, (ULONG)size);
}
