#ifndef CDT_CLIBPQ_SHIM_H
#define CDT_CLIBPQ_SHIM_H

#include <libpq-fe.h>

// The codes of the fields are character constants, which Swift does not import; one function for each field instead.

static inline const char *cdt_pq_error_state(const PGresult *r) { return PQresultErrorField(r, PG_DIAG_SQLSTATE); }
static inline const char *cdt_pq_error_message(const PGresult *r) {
    return PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
}
static inline const char *cdt_pq_error_detail(const PGresult *r) {
    return PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL);
}
static inline const char *cdt_pq_error_table(const PGresult *r) { return PQresultErrorField(r, PG_DIAG_TABLE_NAME); }
static inline const char *cdt_pq_error_column(const PGresult *r) { return PQresultErrorField(r, PG_DIAG_COLUMN_NAME); }
static inline const char *cdt_pq_error_constraint(const PGresult *r) {
    return PQresultErrorField(r, PG_DIAG_CONSTRAINT_NAME);
}

#endif
