#include "common.h"

#include <stdlib.h>
#include <string.h>

cdt_client *open_client(const char *target)
{
    char error[CDT_ERROR_SIZE];
    const char *authorities = getenv("CDT_AUTHORITIES");
    cdt_options options = {
        .size = sizeof options,
        .target = target,
        .token = getenv("CDT_TOKEN"),
        .tls = authorities != NULL,
        .authorities_file = authorities,
        .user_agent = "cdt-examples",
        .gzip = true};
    cdt_client *client = cdt_client_new(&options, error, sizeof error);
    if (client) return client;
    fprintf(stderr, "%s\n", error);
    exit(64);
}

void tell_failure(const char *what, const cdt_call *call)
{
    fprintf(stderr, "%s: %s: %s\n", what, cdt_code_name(cdt_status(call)), cdt_status_message(call));
    const char *reason = cdt_status_reason(call), *text = cdt_status_localized(call, "vi");
    if (reason) fprintf(stderr, "  reason: %s\n", reason);
    if (text) fprintf(stderr, "  %s\n", text);
}

bool read_row(FILE *file, csv_row *row)
{
    ssize_t length = getline(&row->line, &row->size, file);
    if (length < 0) return false;
    while (length && (row->line[length - 1] == '\n' || row->line[length - 1] == '\r'))
        row->line[--length] = 0;
    row->count = 0;
    char *read = row->line;
    while (row->count < MAX_COLUMNS) {
        bool quoted = *read == '"';
        if (quoted) read++;
        char *write = row->fields[row->count++] = read;
        while (*read && (quoted || *read != ',')) {
            if (quoted && *read == '"') {
                if (read[1] == '"')
                    read++;
                else {
                    quoted = false;
                    read++;
                    continue;
                }
            }
            *write++ = *read++;
        }
        bool more = *read == ',';
        *write = 0;
        if (!more) break;
        read++;
    }
    return true;
}

void free_row(csv_row *row)
{
    free(row->line);
    *row = (csv_row){0};
}

int column(const csv_row *titles, const char *name)
{
    for (int i = 0; i < titles->count; i++) {
        if (strcmp(titles->fields[i], name) == 0) return i;
    }
    fprintf(stderr, "the file has no column %s\n", name);
    exit(65);
}

const char *field(const csv_row *row, int column)
{
    return column < row->count ? row->fields[column] : "";
}
