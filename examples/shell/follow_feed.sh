#!/usr/bin/env bash
# Follows the Registry's change feed into a SQLite file: the teams as they are now, and every change once.
#
# Usage: follow_feed.sh DATABASE [--once] [--batch N] [--registry HOST:PORT] [--token-file FILE] [--authorities FILE]
#                       [--proto FOLDER]
#
#   --once         end when nothing newer is there, for a timer
#   --batch        at most so many events in one transaction
#   --registry     where the Registry is (CDT_REGISTRY; 127.0.0.1:50051)
#   --token-file   file of the token that says who calls (CDT_TOKEN_FILE)
#   --authorities  PEM file, for TLS (CDT_AUTHORITIES)
#   --proto        the contract's folder (CDT_PROTO; proto)
#
# What a response says and its cursor are stored in one transaction. So killed at any moment and started again, it
# misses nothing and does nothing twice. What you do with a change belongs into the same transaction.
# Exit codes: 0 caught up (--once); 1 refused; 64 usage; 75 try again later.
# Needs buf, jq and sqlite3.
set -euo pipefail
usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit "$1"; }

database='' once='' batch=0 registry=${CDT_REGISTRY:-127.0.0.1:50051}
token_file=${CDT_TOKEN_FILE:-} authorities=${CDT_AUTHORITIES:-} proto=${CDT_PROTO:-proto}
while [ $# -gt 0 ]; do
    case $1 in
    --help) usage 0 ;;
    --once) once=yes; shift ;;
    --batch | --registry | --token-file | --authorities | --proto)
        [ $# -gt 1 ] || usage 64 >&2
        name=${1#--}; printf -v "${name//-/_}" %s "$2"; shift 2 ;;
    -*) usage 64 >&2 ;;
    *) database=$1; shift ;;
    esac
done
[ -n "$database" ] || usage 64 >&2
scratch=$(mktemp -d) call=''
trap '[ -z "$call" ] || kill "$call" 2>/dev/null || true; rm -rf "$scratch"' EXIT
mkfifo "$scratch/answers"
sql() { sqlite3 -bail -cmd '.timeout 10000' "$database" "$@"; }

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

# One response, in one transaction: all of it, or nothing. An event carries the whole state of its team, so a version
# that is not newer than ours says nothing new. Version 0: not seen again yet, after a new beginning.
cat >"$scratch/apply.sql" <<SQL
begin immediate;
create temp table response as select readfile('$scratch/response') as content;
create temp table event as select e.value ->> 'sequence' as sequence, e.value ->> 'aggregate' as name,
        cast(e.value ->> 'version' as integer) as version, coalesce(e.value ->> 'tombstone', 0) as tombstone,
        e.value ->> '$.payload.displayName' as display_name
    from response, json_each(content, '$.events') e
    where name glob 'teams/*' and name not glob '*/memberships/*';
delete from event where not tombstone and exists
    (select * from team t where t.name = event.name and t.version >= event.version);
insert into change select sequence, name, version from event where tombstone or not exists
    (select * from team t where t.name = event.name and t.version = 0 and t.display_name = event.display_name);
insert or replace into team select name, version, display_name from event where not tombstone order by sequence;
delete from team where name in (select name from event where tombstone);
insert into change select 0, name, 0 from team, response where version = 0 and content ->> 'caughtUp';
delete from team where version = 0 and (select content ->> 'caughtUp' from response);
insert or replace into cursor select 'registry.facts', content ->> 'cursor' from response;
commit;
SQL

sql 'create table if not exists cursor (topic text primary key, cursor text not null);
    create table if not exists team (name text primary key, version integer not null, display_name text not null);
    create table if not exists change (sequence integer not null, name text not null, version integer not null);'
failures=0
while :; do
    options=(--protocol grpc --http2-prior-knowledge --schema "$scratch/contract.binpb" --timeout 0) scheme=http
    [ -z "$token_file" ] || options+=(-H "authorization: Bearer $(cat "$token_file")")
    [ -z "$authorities" ] || { options+=(--cacert "$authorities"); scheme=https; }
    request=$(jq -n --arg cursor "$(sql 'select cursor from cursor')" --argjson batch "$batch" \
        '{topic: "registry.facts", cursor: $cursor, maxBatch: $batch}')
    buf curl "${options[@]}" -d "$request" "$scheme://$registry/cdt.feed.v1.FeedService/Follow" \
        >"$scratch/answers" 2>"$scratch/error" &
    call=$!
    # Applied by this process itself, so that nothing goes on applying when it is killed.
    exec 3< <(jq -c --unbuffered . "$scratch/answers")
    while IFS= read -r response <&3; do
        printf %s "$response" >"$scratch/response"
        sql <"$scratch/apply.sql"
        failures=0
        jq -r 'select(.events) | "\(.events | length) events applied"' "$scratch/response"
        [ -z "$once" ] || [ "$(jq .caughtUp "$scratch/response")" != true ] || exit 0
    done
    status=0
    wait "$call" || status=$?
    call='' failures=$((failures + 1))
    explain >&2
    case $((status / 8)) in
    11) # CURSOR_EXPIRED: the history no longer reaches our cursor, and all is read again
        sql 'begin; update team set version = 0; delete from cursor; commit' ;;
    0 | 8 | 14) [ $failures -lt 8 ] || exit 75 ;;
    16) [ $failures = 1 ] || exit 1 ;; # the token ended the stream with it; the file may hold a new one
    *) exit 1 ;;
    esac
    sleep $((failures < 5 ? failures : 20))
done
