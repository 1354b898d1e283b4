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

/// Binds a text, which must stay where it is until the statement is reset and its bindings are cleared.
static inline int cdt_sqlite3_bind_text(sqlite3_stmt *statement, int index, const char *text, sqlite3_uint64 count) {
    return sqlite3_bind_text64(statement, index, text, count, SQLITE_STATIC, SQLITE_UTF8);
}

/// Binds bytes, which must stay where they are until the statement is reset and its bindings are cleared.
static inline int cdt_sqlite3_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, sqlite3_uint64 count) {
    return sqlite3_bind_blob64(statement, index, bytes, count, SQLITE_STATIC);
}

#endif
