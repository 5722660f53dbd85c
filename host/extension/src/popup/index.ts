document.title = "Nearside";
