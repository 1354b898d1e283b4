/* What the examples have in common: reaching a service, reading CSV, saying what went wrong. */
#ifndef CDT_EXAMPLES_COMMON_H
#define CDT_EXAMPLES_COMMON_H

#include <cdt/client.h>
#include <stdio.h>

/* A client for the service at `target`. From the environment: CDT_TOKEN (bearer token), CDT_AUTHORITIES (PEM file: TLS
 * with these authorities). Ends the program when the options are wrong. */
cdt_client *open_client(const char *target);

/* Says how a call ended: code, message, reason, and the Vietnamese text for people. */
void tell_failure(const char *what, const cdt_call *call);

enum { MAX_COLUMNS = 32 };

/* A line of CSV (RFC 4180), its fields unquoted. */
typedef struct {
    char *line;
    size_t size;
    int count;
    char *fields[MAX_COLUMNS];
} csv_row;

/* Reads the next row; false: the end. A line break inside a field is not understood. */
bool read_row(FILE *file, csv_row *row);
void free_row(csv_row *row);
/* The column named so in the first row; ends the program when there is none. */
int column(const csv_row *titles, const char *name);
/* A field; "" when the row is shorter. */
const char *field(const csv_row *row, int column);

#endif
