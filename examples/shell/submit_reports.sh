#!/usr/bin/env bash
# Submits a month of reports out of a CSV file that has one row for each member.
#
# Usage: submit_reports.sh FILE --month YYYY-MM --unit CODE --source NAME [--platform NAME] [--registry HOST:PORT]
#                          [--activity HOST:PORT] [--token-file FILE] [--authorities FILE] [--proto FOLDER]
#
#   --unit         national code of the unit, as on the month's last day
#   --source       name of your system, as when the members were imported
#   --platform     what the column other_platforms counts (local)
#   --registry     where the Registry is (CDT_REGISTRY; 127.0.0.1:50051)
#   --activity     where Activity reporting is (CDT_ACTIVITY; 127.0.0.1:50052)
#   --token-file   file of the token that says who calls (CDT_TOKEN_FILE)
#   --authorities  PEM file, for TLS (CDT_AUTHORITIES)
#   --proto        the contract's folder (CDT_PROTO; proto)
#
# The obligations say who owes a report: a member, or a team as a whole, whose members' rows are then added. Each is
# sent under an operation id made from its obligation. So run again, also after it was killed, it does nothing twice.
# Exit codes: 0 all reports are there; 1 some or all were refused; 64 usage; 75 try again later.
# Needs buf, jq and sqlite3 (which reads CSV).
set -euo pipefail
usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit "$1"; }

file='' month='' unit='' source='' platform=local
registry=${CDT_REGISTRY:-127.0.0.1:50051} activity=${CDT_ACTIVITY:-127.0.0.1:50052}
token_file=${CDT_TOKEN_FILE:-} authorities=${CDT_AUTHORITIES:-} proto=${CDT_PROTO:-proto}
while [ $# -gt 0 ]; do
    case $1 in
    --help) usage 0 ;;
    --month | --unit | --source | --platform | --registry | --activity | --token-file | --authorities | --proto)
        [ $# -gt 1 ] || usage 64 >&2
        name=${1#--}; printf -v "${name//-/_}" %s "$2"; shift 2 ;;
    -*) usage 64 >&2 ;;
    *) file=$1; shift ;;
    esac
done
for given in "$file" "$month" "$unit" "$source"; do [ -n "$given" ] || usage 64 >&2; done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

buf build "$proto" -o "$scratch/contract.binpb"

# What an error tells: its reason, every field at fault, and the same in Vietnamese.
explain() {
    jq -r '"\(.code): \(.message)"' "$scratch/error" 2>/dev/null || { cat "$scratch/error"; return; }
    jq -r '.details[]? | "\(.type) \(.value + "==="[:(4 - (.value | length) % 4) % 4])"' "$scratch/error" |
        while read -r type value; do
            base64 -d <<<"$value" |
                buf convert "$scratch/contract.binpb" --type "$type" --from -#format=binpb 2>/dev/null | jq -r '
                if .reason then "  reason \(.reason) (\(.domain)) \(.metadata // "")"
                elif .fieldViolations then .fieldViolations[] | "  field \(.field): \(.description)"
                elif .violations then .violations[] | "  \(.type // "") \(.subject): \(.description)"
                elif .locale then "  \(.locale): \(.message)" else empty end'
        done
}

# A detail's value, by its type; nothing when the error has none of the type.
detail() {
    jq -r --arg type "$1" '.details[]? | select(.type == $type)
        | .value + "==="[:(4 - (.value | length) % 4) % 4]' "$scratch/error" 2>/dev/null |
        base64 -d | buf convert "$scratch/contract.binpb" --type "$1" --from -#format=binpb 2>/dev/null || true
}

# ADDRESS METHOD REQUEST: calls until it is answered or there is no hope. Again is worth it when the service is away
# (14) or busy (8), and when nobody knows whether it has stored what was sent (4, 2): operation ids make that harmless.
call() {
    local options=(--protocol grpc --http2-prior-knowledge --schema "$scratch/contract.binpb" --timeout 60s)
    local scheme=http wait status asked
    [ -z "$token_file" ] || options+=(-H "authorization: Bearer $(cat "$token_file")")
    [ -z "$authorities" ] || { options+=(--cacert "$authorities"); scheme=https; }
    for wait in 0.3 1 2 4 8 16 0; do
        status=0
        buf curl "${options[@]}" -d @- "$scheme://$1/$2" <<<"$3" >"$scratch/answer" 2>"$scratch/error" || status=$?
        case $((status / 8)) in
        0) if [ $status = 0 ]; then cat "$scratch/answer"; return; fi ;;
        14 | 8 | 4 | 2)
            [ $wait != 0 ] || { explain >&2; exit 75; }
            asked=$(detail google.rpc.RetryInfo | jq -r '.retryDelay // empty' | tr -d s)
            echo "$(jq -r .code "$scratch/error"): again in ${asked:-$wait} s" >&2
            sleep "${asked:-$wait}"
            continue ;;
        esac
        explain >&2
        exit 1
    done
}

# A code means something only together with a date: here the month's last day.
day=$(date -d "$month-01 +1 month -1 day" +%F)
call "$registry" cdt.registry.v1.RegistryService/ResolveUnitCode \
    "$(jq -n --arg code "$unit" --arg date "$day" '$ARGS.named')" >"$scratch/unit"
unit=$(jq -r .unit.name "$scratch/unit")
call "$registry" cdt.registry.v1.ImportService/ExportMembers "$(
    jq -n --arg unit "$unit" --arg date "$day" --arg sourceSystem "$source" '$ARGS.named'
)" | jq -r '[.rows, .names, .people] | transpose[] | [.[0].externalId, (.[1] / "/memberships/")[0], .[2]] | @csv' \
    >"$scratch/members.csv"
token='' more=yes
while [ -n "$more" ]; do
    call "$activity" cdt.activity.v1.ActivityReportingService/ListObligations "$(
        jq -n --arg period "$month" --arg unit "$unit" --arg pageToken "$token" --argjson pageSize 5000 '$ARGS.named'
    )" >"$scratch/page"
    jq -r '.obligations[]? | [.name, .team, .person // ""] | @csv' "$scratch/page" >>"$scratch/obligations.csv"
    token=$(jq -r '.nextPageToken // ""' "$scratch/page") more=$token
done

# One request a line, up to 500 reports in each.
cp "$file" "$scratch/reports.csv"
(cd "$scratch" && sqlite3 -bail :memory: >requests <<SQL
create table member (id text primary key, team text, person text);
create table obligation (name text primary key, team text, person text);
.import --csv members.csv member
.import --csv obligations.csv obligation
.import --csv reports.csv report
create index by_team on member (team);
create view subject as select o.name, o.team, o.person, min(submitted_on) as day, sum(sessions) as sessions,
    sum(households) as households, json_array(sum(public_services), sum(online_shopping), sum(online_payment),
        sum(online_safety), sum(other_platforms)) as skills
    from obligation o join member m on m.team = o.team and o.person in ('', m.person)
        join report r on r.member_id = m.id
    where submitted_on <> '' group by o.name;
create view submission as select json_object('operationId', '$source:' || name, 'report', json_object('team', team,
    'person', person, 'period', '$month', 'source', 'REPORT_SOURCE_IMPORT', 'declaredOn', day,
    'activities', (select json_group_array(json_object('skill', key + 1, 'count', value,
        'beneficiary', 'BENEFICIARY_KIND_RESIDENT', 'channel', 'ACTIVITY_CHANNEL_HOME_VISIT',
        'platform', iif(key = 4, '$platform', ''))) from json_each(skills) where value > 0),
    'counters', json_array(json_object('code', 'group_sessions', 'kind', 'COUNTER_KIND_FLOW', 'value', sessions,
        'qualifier', 'QUALIFIER_EXACT'), json_object('code', 'households_visited', 'kind', 'COUNTER_KIND_FLOW',
        'value', households, 'qualifier', 'QUALIFIER_EXACT')))) as content, row_number() over (order by name) as number
    from subject;
select json_object('submissions', json_group_array(json(content))) from submission group by (number - 1) / 500;
SQL
)
while IFS= read -r request; do
    call "$activity" cdt.activity.v1.ActivityReportingService/SyncReports "$request" >"$scratch/verdicts"
    jq -r '.verdicts[] | . as $v | .problems[]?
        | [$v.operationId, $v.outcome[15:], .reason, .field, .description] | @tsv' "$scratch/verdicts"
    jq -r '.verdicts[].outcome[15:]' "$scratch/verdicts" >>"$scratch/outcomes"
done <"$scratch/requests"
sort "$scratch/outcomes" | uniq -c | awk '{ print $2, $1 }'
! grep -qvE '^(APPLIED|DUPLICATE)$' "$scratch/outcomes"
