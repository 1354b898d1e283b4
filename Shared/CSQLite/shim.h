#ifndef CDT_CSQLITE_SHIM_H
#define CDT_CSQLITE_SHIM_H

#include <sqlite3.h>

// Swift imports neither variadic functions nor SQLITE_TRANSIENT (a cast of -1 to a function pointer), so the few
// that are needed are wrapped here with their types.

/// Settings of the whole library; call once, before the first connection. Without memory statistics SQLite takes no
/// global lock for each allocation.
static inline int cdt_sqlite3_configure(void) { return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

/// Switches one of the SQLITE_DBCONFIG_ options that take a flag.
static inline int cdt_sqlite3_db_config_flag(sqlite3 *db, int option, int on) {
    return sqlite3_db_config(db, option, on, (int *)0);
}

/// Binds a copy of the text. An empty text may come with a null pointer; SQLite alone would make that NULL.
static inline int cdt_sqlite3_bind_text(sqlite3_stmt *statement, int index, const char *text, sqlite3_uint64 count) {
    return sqlite3_bind_text64(statement, index, text ? text : "", count, SQLITE_TRANSIENT, SQLITE_UTF8);
}

/// Binds a copy of the bytes. No bytes may come with a null pointer; SQLite alone would make that NULL.
static inline int cdt_sqlite3_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, sqlite3_uint64 count) {
    return sqlite3_bind_blob64(statement, index, bytes ? bytes : "", count, SQLITE_TRANSIENT);
}

#endif
