extern int cdt_placeholder;
