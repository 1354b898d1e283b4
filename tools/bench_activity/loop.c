// Writes rows into a SQLite database as fast as its C library does, so many submissions in each transaction: what
// Activity reporting's submissions are held against.
//
//   loop TARGET PLAN BATCH
//
// PLAN is a database. Its table `plan` names, in order, a table with rows to write, ordered by their first column, the
// number of the submission, and the statement that takes the other columns.
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
    sqlite3_stmt *write;
    int columns, count, room, next;
    sqlite3_int64 *submission;
    sqlite3_value **values;
} Step;

static void check(sqlite3 *db, int result, const char *what) {
    if (result == SQLITE_OK || result == SQLITE_DONE || result == SQLITE_ROW) return;
    fprintf(stderr, "%s: %s\n", what, sqlite3_errmsg(db));
    exit(1);
}

static void *grown(void *memory, size_t size) {
    void *more = realloc(memory, size);
    if (more == NULL) { fputs("out of memory\n", stderr); exit(1); }
    return more;
}

static void load(sqlite3 *plan, sqlite3 *target, const char *table, const char *sql, Step *step) {
    char *select = sqlite3_mprintf("SELECT * FROM \"%w\" ORDER BY 1", table);
    sqlite3_stmt *rows;
    check(plan, sqlite3_prepare_v2(plan, select, -1, &rows, NULL), select);
    check(target, sqlite3_prepare_v3(target, sql, -1, SQLITE_PREPARE_PERSISTENT, &step->write, NULL), sql);
    step->columns = sqlite3_column_count(rows) - 1;
    while (sqlite3_step(rows) == SQLITE_ROW) {
        if (step->count == step->room) {
            step->room = step->room ? step->room * 2 : 4096;
            step->submission = grown(step->submission, sizeof(sqlite3_int64) * step->room);
            step->values = grown(step->values, sizeof(sqlite3_value *) * step->room * step->columns);
        }
        step->submission[step->count] = sqlite3_column_int64(rows, 0);
        for (int i = 0; i < step->columns; i++)
            step->values[step->count * step->columns + i] = sqlite3_value_dup(sqlite3_column_value(rows, i + 1));
        step->count++;
    }
    sqlite3_finalize(rows);
    sqlite3_free(select);
}

int main(int argc, char **argv) {
    if (argc != 4 || atoi(argv[3]) < 1) { fputs("usage: loop TARGET PLAN BATCH\n", stderr); return 2; }
    int batch = atoi(argv[3]);
    sqlite3 *target, *plan;
    check(NULL, sqlite3_open(argv[1], &target), argv[1]);
    check(NULL, sqlite3_open(argv[2], &plan), argv[2]);
    // As the service opens its database.
    check(target, sqlite3_exec(target, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384;"
                                       "PRAGMA secure_delete = ON; PRAGMA wal_autocheckpoint = 4000", NULL, NULL, NULL), "pragmas");
    Step steps[64];
    memset(steps, 0, sizeof steps);
    int count = 0;
    sqlite3_stmt *names;
    check(plan, sqlite3_prepare_v2(plan, "SELECT name, sql FROM plan ORDER BY rowid", -1, &names, NULL), "plan");
    while (count < 64 && sqlite3_step(names) == SQLITE_ROW) {
        load(plan, target, (const char *)sqlite3_column_text(names, 0), (const char *)sqlite3_column_text(names, 1),
             &steps[count]);
        count++;
    }
    sqlite3_finalize(names);
    struct timespec begun, ended;
    sqlite3_int64 submissions = 0, rows = 0;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    for (;; submissions++) {
        int left = 0;
        for (int s = 0; s < count; s++) left |= steps[s].next < steps[s].count;
        if (submissions % batch == 0 || !left) {
            if (submissions) check(target, sqlite3_exec(target, "COMMIT", NULL, NULL, NULL), "COMMIT");
            if (!left) break;
            check(target, sqlite3_exec(target, "BEGIN IMMEDIATE", NULL, NULL, NULL), "BEGIN");
        }
        for (int s = 0; s < count; s++) {
            Step *step = &steps[s];
            for (; step->next < step->count && step->submission[step->next] == submissions; step->next++, rows++) {
                for (int i = 0; i < step->columns; i++)
                    sqlite3_bind_value(step->write, i + 1, step->values[step->next * step->columns + i]);
                check(target, sqlite3_step(step->write), sqlite3_sql(step->write));
                sqlite3_reset(step->write);
            }
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    printf("submissions %lld\nrows %lld\nseconds %f\n", submissions, rows,
           (double)(ended.tv_sec - begun.tv_sec) + (double)(ended.tv_nsec - begun.tv_nsec) / 1e9);
    sqlite3_close(target);
    return 0;
}
