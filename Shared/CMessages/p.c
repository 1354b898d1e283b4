int cdt_placeholder;
