/* Submits the reports of a month to ActivityReporting.
 *
 *   submit_reports HOST:PORT REPORTS.CSV SOURCE MONTH
 *
 * REPORTS.CSV has the columns team (`teams/{id}`), online_public_services, online_shopping, online_payment and
 * self_protection (how many residents were helped in group sessions) and narrative. MONTH is YYYY-MM.
 *
 * Each report bears an operation id made of SOURCE, month and team, so that it can be sent any number of times: what
 * was stored already comes back as DUPLICATE. That is why a broken stream is simply begun again at the first report
 * without a verdict, after a pause. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cdt/activity/v1/activity_reporting_service.pb-c.h"
#include "common.h"

enum { SKILLS = 4, REPORTS_AT_ONCE = 100, ATTEMPTS = 6 };

typedef struct {
    char operation[129];
    csv_row line;
    Cdt__Activity__V1__Activity activities[SKILLS];
    Cdt__Activity__V1__Activity *list[SKILLS];
    Cdt__Activity__V1__Report report;
    Cdt__Activity__V1__ReportSubmission submission;
} planned_report;

static const struct {
    const char *column;
    Cdt__Activity__V1__Skill skill;
} skills[SKILLS] = {
    {"online_public_services", CDT__ACTIVITY__V1__SKILL__SKILL_ONLINE_PUBLIC_SERVICES},
    {"online_shopping", CDT__ACTIVITY__V1__SKILL__SKILL_ONLINE_SHOPPING},
    {"online_payment", CDT__ACTIVITY__V1__SKILL__SKILL_ONLINE_PAYMENT},
    {"self_protection", CDT__ACTIVITY__V1__SKILL__SKILL_SELF_PROTECTION},
};

static void fill(planned_report *report, const csv_row *titles, const char *source, char *month)
{
    const char *team = field(&report->line, column(titles, "team"));
    cdt__activity__v1__report__init(&report->report);
    cdt__activity__v1__report_submission__init(&report->submission);
    snprintf(report->operation, sizeof report->operation, "%s:%s:%s", source, month, team);
    report->report.team = (char *)team;
    report->report.period = month;
    report->report.narrative = (char *)field(&report->line, column(titles, "narrative"));
    report->report.source = CDT__ACTIVITY__V1__REPORT_SOURCE__REPORT_SOURCE_API;
    report->report.activities = report->list;
    for (int i = 0; i < SKILLS; i++) {
        long helped = strtol(field(&report->line, column(titles, skills[i].column)), NULL, 10);
        if (helped <= 0) continue;
        Cdt__Activity__V1__Activity *activity = &report->activities[report->report.n_activities];
        cdt__activity__v1__activity__init(activity);
        activity->skill = skills[i].skill;
        activity->beneficiary = CDT__ACTIVITY__V1__BENEFICIARY_KIND__BENEFICIARY_KIND_RESIDENT;
        activity->channel = CDT__ACTIVITY__V1__ACTIVITY_CHANNEL__ACTIVITY_CHANNEL_GROUP_SESSION;
        activity->count = helped;
        report->list[report->report.n_activities++] = activity;
    }
    report->submission.operation_id = report->operation;
    report->submission.report = &report->report;
}

/* Numbers by outcome. */
static int outcomes[8];

static void tell(const Cdt__Activity__V1__ReportVerdict *verdict)
{
    outcomes[(unsigned)verdict->outcome < 8 ? verdict->outcome : 0]++;
    for (size_t i = 0; i < verdict->n_problems; i++) {
        fprintf(
            stderr, "%s: %s: %s\n", verdict->operation_id, verdict->problems[i]->reason,
            verdict->problems[i]->description);
    }
}

/* Sends the reports from `first` on over one stream; returns how many have their verdict, which are durable. */
static size_t send_from(cdt_client *client, planned_report *reports, size_t first, size_t count, cdt_call **out)
{
    cdt_call *call =
        cdt_start(client, &cdt__activity__v1__activity_reporting_service__descriptor, "SubmitReports", NULL);
    size_t sent = first, judged = first;
    while (!cdt_ended(call)) {
        const Cdt__Activity__V1__SubmitReportsResponse *response = cdt_try_receive(call);
        if (response) {
            for (size_t i = 0; i < response->n_verdicts; i++, judged++)
                tell(response->verdicts[i]);
        } else if (sent < count && cdt_can_send(call)) {
            Cdt__Activity__V1__ReportSubmission *list[REPORTS_AT_ONCE];
            Cdt__Activity__V1__SubmitReportsRequest request = CDT__ACTIVITY__V1__SUBMIT_REPORTS_REQUEST__INIT;
            request.submissions = list;
            while (sent < count && request.n_submissions < REPORTS_AT_ONCE) {
                list[request.n_submissions++] = &reports[sent++].submission;
            }
            if (cdt_try_send(call, &request.base) && sent == count) cdt_end_sending(call);
        } else {
            cdt_client_turn(client);
        }
    }
    *out = call;
    return judged;
}

int main(int count, char **arguments)
{
    if (count != 5) {
        fprintf(stderr, "usage: submit_reports HOST:PORT REPORTS.CSV SOURCE MONTH\n");
        return 64;
    }
    FILE *file = fopen(arguments[2], "r");
    csv_row titles = {0};
    if (!file || !read_row(file, &titles)) {
        perror(arguments[2]);
        return 65;
    }
    planned_report *reports = NULL;
    size_t total = 0, room = 0;
    csv_row line = {0};
    for (; read_row(file, &line); line = (csv_row){0}) {
        if (total == room) {
            room = room ? 2 * room : 256;
            reports = realloc(reports, room * sizeof *reports);
            if (!reports) abort();
        }
        reports[total++] = (planned_report){.line = line};
    }
    free_row(&line);
    fclose(file);
    /* Only now that the reports stay where they are may they point into themselves. */
    for (size_t i = 0; i < total; i++)
        fill(&reports[i], &titles, arguments[3], arguments[4]);

    cdt_client *client = open_client(arguments[1]);
    size_t judged = 0;
    int status = 0;
    for (int attempt = 1; judged < total; attempt++) {
        cdt_call *call = NULL;
        size_t before = judged;
        judged = send_from(client, reports, judged, total, &call);
        cdt_code code = cdt_status(call);
        if (code != CDT_OK) tell_failure("submit", call);
        cdt_call_free(call);
        if (judged > before) attempt = 1;
        bool again = code == CDT_UNAVAILABLE || code == CDT_RESOURCE_EXHAUSTED || code == CDT_OK;
        if (judged == total || !again || attempt == ATTEMPTS) break;
        fprintf(stderr, "trying again from report %zu\n", judged + 1);
        nanosleep(&(struct timespec){.tv_sec = 1L << (attempt - 1)}, NULL);
    }
    printf(
        "%zu reports: %d applied, %d duplicate, %d in conflict, %d rejected, %d kept for review\n", total, outcomes[1],
        outcomes[2], outcomes[3], outcomes[4], outcomes[5]);
    if (judged < total || outcomes[3] || outcomes[4]) status = 1;

    cdt_client_free(client);
    for (size_t i = 0; i < total; i++)
        free_row(&reports[i].line);
    free(reports);
    free_row(&titles);
    return status;
}
