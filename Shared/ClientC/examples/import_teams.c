/* Imports teams from a CSV file into the Registry, over one stream in both directions.
 *
 *   import_teams HOST:PORT TEAMS.CSV SOURCE CODE_DATE
 *
 * TEAMS.CSV has the columns team_id, level (xa or thon), name, hamlet, commune_code, province_code, established and
 * decision, as `cdt generate` writes them. SOURCE names the system the rows come from, CODE_DATE the day whose commune
 * codes they use. Prints a CSV with team_id and the resource name of each team; problems go to standard error. Run it
 * again whenever you like: rows that have not changed are recognised by SOURCE and team_id. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cdt/registry/v1/import_service.pb-c.h"
#include "common.h"

enum { ROWS_AT_ONCE = 200 };

/* Everything of one message: the rows with the lines they point into. */
typedef struct {
    csv_row lines[ROWS_AT_ONCE];
    Cdt__Registry__V1__ImportRow rows[ROWS_AT_ONCE];
    Cdt__Registry__V1__ImportRow *list[ROWS_AT_ONCE];
    Cdt__Registry__V1__TeamRow teams[ROWS_AT_ONCE];
    Cdt__Common__V1__LegalDocument decisions[ROWS_AT_ONCE];
    size_t count;
} row_batch;

typedef struct {
    int id, level, name, hamlet, commune, province, established, decision;
} columns;

/* Team ids by row number, to print beside the names that come back. */
static char **ids;
static size_t id_count, id_room;

static void fill_row(row_batch *batch, const columns *at)
{
    size_t i = batch->count++;
    csv_row *line = &batch->lines[i];
    Cdt__Registry__V1__TeamRow *team = &batch->teams[i];
    cdt__registry__v1__team_row__init(team);
    team->external_id = (char *)field(line, at->id);
    bool hamlet = strcmp(field(line, at->level), "thon") == 0;
    team->level =
        hamlet ? CDT__COMMON__V1__TEAM_LEVEL__TEAM_LEVEL_HAMLET : CDT__COMMON__V1__TEAM_LEVEL__TEAM_LEVEL_COMMUNE;
    team->display_name = (char *)field(line, at->name);
    team->hamlet = (char *)field(line, at->hamlet);
    team->commune_code = (char *)field(line, at->commune);
    team->province_code = (char *)field(line, at->province);
    team->established = (char *)field(line, at->established);
    if (*field(line, at->decision)) {
        cdt__common__v1__legal_document__init(&batch->decisions[i]);
        batch->decisions[i].number = (char *)field(line, at->decision);
        team->decision = &batch->decisions[i];
    }
    if (id_count == id_room) {
        id_room = id_room ? 2 * id_room : 1024;
        ids = realloc(ids, id_room * sizeof *ids);
        if (!ids) abort();
    }
    ids[id_count++] = strdup(field(line, at->id));

    Cdt__Registry__V1__ImportRow *row = &batch->rows[i];
    cdt__registry__v1__import_row__init(row);
    row->row_number = (int64_t)id_count;
    row->row_case = CDT__REGISTRY__V1__IMPORT_ROW__ROW_TEAM;
    row->team = team;
    batch->list[i] = row;
}

static void tell(const Cdt__Registry__V1__ImportRowsResponse *response)
{
    if (response->content_case == CDT__REGISTRY__V1__IMPORT_ROWS_RESPONSE__CONTENT_SUMMARY) {
        const Cdt__Registry__V1__ImportSummary *summary = response->summary;
        fprintf(
            stderr,
            "%" PRId64 " rows: %" PRId64 " accepted, %" PRId64 " with a warning, %" PRId64 " unchanged, "
            "%" PRId64 " rejected\n",
            summary->rows, summary->accepted, summary->warned, summary->unchanged, summary->rejected);
    }
    if (response->content_case != CDT__REGISTRY__V1__IMPORT_ROWS_RESPONSE__CONTENT_VERDICTS) return;
    for (size_t i = 0; i < response->verdicts->n_verdicts; i++) {
        const Cdt__Common__V1__RowVerdict *verdict = response->verdicts->verdicts[i];
        const char *id =
            verdict->row_number > 0 && (uint64_t)verdict->row_number <= id_count ? ids[verdict->row_number - 1] : "?";
        if (*verdict->name) printf("%s,%s\n", id, verdict->name);
        for (size_t n = 0; n < verdict->n_problems; n++) {
            fprintf(stderr, "%s: %s: %s\n", id, verdict->problems[n]->reason, verdict->problems[n]->description);
        }
    }
}

/* Sends while taking what comes, because the server may not read on before its verdicts are taken. */
static bool send_and_take(cdt_client *client, cdt_call *call, const Cdt__Registry__V1__ImportRowsRequest *request)
{
    while (!cdt_ended(call)) {
        for (const void *response; (response = cdt_try_receive(call));)
            tell(response);
        if (cdt_can_send(call)) return cdt_try_send(call, &request->base);
        cdt_client_turn(client);
    }
    return false;
}

static bool send_rows(cdt_client *client, cdt_call *call, FILE *file, const columns *at)
{
    static row_batch batch;
    bool going = true, more = true;
    while (going && more) {
        batch.count = 0;
        while (batch.count < ROWS_AT_ONCE && (more = read_row(file, &batch.lines[batch.count])))
            fill_row(&batch, at);
        if (!batch.count) break;
        Cdt__Registry__V1__ImportRowBatch rows = CDT__REGISTRY__V1__IMPORT_ROW_BATCH__INIT;
        rows.n_rows = batch.count;
        rows.rows = batch.list;
        Cdt__Registry__V1__ImportRowsRequest request = CDT__REGISTRY__V1__IMPORT_ROWS_REQUEST__INIT;
        request.content_case = CDT__REGISTRY__V1__IMPORT_ROWS_REQUEST__CONTENT_ROWS;
        request.rows = &rows;
        going = send_and_take(client, call, &request);
    }
    for (size_t i = 0; i < ROWS_AT_ONCE; i++)
        free_row(&batch.lines[i]);
    return going;
}

int main(int count, char **arguments)
{
    if (count != 5) {
        fprintf(stderr, "usage: import_teams HOST:PORT TEAMS.CSV SOURCE CODE_DATE\n");
        return 64;
    }
    FILE *file = fopen(arguments[2], "r");
    csv_row titles = {0};
    if (!file || !read_row(file, &titles)) {
        perror(arguments[2]);
        return 65;
    }
    const columns at = {column(&titles, "team_id"),      column(&titles, "level"),
                        column(&titles, "name"),         column(&titles, "hamlet"),
                        column(&titles, "commune_code"), column(&titles, "province_code"),
                        column(&titles, "established"),  column(&titles, "decision")};
    cdt_client *client = open_client(arguments[1]);
    cdt_call *call = cdt_start(client, &cdt__registry__v1__import_service__descriptor, "ImportRows", NULL);

    Cdt__Registry__V1__ImportHeader header = CDT__REGISTRY__V1__IMPORT_HEADER__INIT;
    header.mode = CDT__COMMON__V1__IMPORT_MODE__IMPORT_MODE_COMMIT;
    header.source_system = arguments[3];
    header.code_date = arguments[4];
    header.label = arguments[2];
    Cdt__Registry__V1__ImportRowsRequest request = CDT__REGISTRY__V1__IMPORT_ROWS_REQUEST__INIT;
    request.content_case = CDT__REGISTRY__V1__IMPORT_ROWS_REQUEST__CONTENT_HEADER;
    request.header = &header;

    printf("team_id,name\n");
    if (send_and_take(client, call, &request) && send_rows(client, call, file, &at)) cdt_end_sending(call);
    for (const void *response; (response = cdt_receive(call));)
        tell(response);
    int status = cdt_status(call) == CDT_OK ? 0 : 1;
    if (status) tell_failure("import", call);

    cdt_call_free(call);
    cdt_client_free(client);
    free_row(&titles);
    fclose(file);
    while (id_count)
        free(ids[--id_count]);
    free(ids);
    return status;
}
