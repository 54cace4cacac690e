-- Limits of a target, shared by every worker that calls it: threads, processes, machines (ADR 0022).
-- Instants here are of the database's own clock in real seconds, never of the product's: they govern sockets, and no
-- number of stock depends on them. One clock for all machines, and a virtual day does not ask a partner faster.

create table ops.target_limits (
  target        text primary key,
  salt          text not null default gen_random_uuid()::text,  -- of the fingerprints of logins
  next_at       timestamptz not null default '-infinity',  -- the bucket is full from then on; each request moves it on
  paused_until  timestamptz,
  pause_reason  text,
  failures      integer not null default 0,  -- calls in a row without an answer that counts
  opened_at     timestamptz,                 -- the circuit is open since; null: closed
  alone_holder  text,                        -- who may call alone: the probe of an open circuit, or of a new login
  alone_until   timestamptz not null default '-infinity',
  proven_logins text[] not null default '{}',  -- fingerprints of logins that were let in, newest first
  refused_login text,                        -- fingerprint of the one that was not: nobody calls with it
  refused_at    timestamptz,
  resumed_by    text,                        -- who last let the target go on by hand, and when
  resumed_at    timestamptz,
  checked_as    text,                        -- what was checked at checked_at: entry, login and version of Syncline
  checked_at    timestamptz
) with (fillfactor = 50);

-- Calls under way. A slot is a lease: whoever is killed gives it back by dying.
create table ops.target_permits (
  target     text not null,
  slot       integer not null check (slot > 0),
  permit     uuid not null,
  holder     text not null,
  held_until timestamptz not null,
  primary key (target, slot)
) with (fillfactor = 50);

-- One place in time and one slot, or how long to wait. Nothing is reserved but by 'go': then the call may begin after
-- wait_s. 'later': wait_s is more than wait_max_s. 'busy': all slots are taken, or somebody tries a new login alone.
-- 'open': the circuit. 'refused': this login was.
create function ops.take_permit(
  asked_target text, asked_holder text, asked_login text, per_s double precision, burst integer, concurrent integer,
  open_s double precision, lease_s double precision, wait_max_s double precision,
  out verdict text, out wait_s double precision, out permit uuid)
language plpgsql as $$
declare
  limits ops.target_limits;
  this_at timestamptz;
  go_at timestamptz;
  spacing interval := make_interval(secs => 1 / per_s);
  must_be_alone boolean;
  free integer;
begin
  insert into ops.target_limits (target) values (asked_target) on conflict do nothing;
  select * into limits from ops.target_limits l where l.target = asked_target for update;
  this_at := clock_timestamp();  -- after the lock: who waited for it must not count from before
  wait_s := 0;
  -- No more is ever reserved than slots allow: what lies beyond is of a clock that was set back since.
  limits.next_at := least(limits.next_at, greatest(this_at, limits.paused_until) + spacing * (burst + concurrent));
  if limits.opened_at > this_at then
    limits.opened_at := this_at;
  end if;
  if limits.refused_login = asked_login then
    verdict := 'refused';
    return;
  end if;
  if limits.opened_at + make_interval(secs => open_s) > this_at then
    verdict := 'open';
    wait_s := extract(epoch from limits.opened_at + make_interval(secs => open_s) - this_at);
    return;
  end if;
  must_be_alone := limits.opened_at is not null or not asked_login = any(limits.proven_logins);
  if must_be_alone and limits.alone_until > this_at and limits.alone_holder <> asked_holder then
    verdict := case when limits.opened_at is null then 'busy' else 'open' end;
    wait_s := extract(epoch from limits.alone_until - this_at);
    return;
  end if;
  go_at := greatest(this_at, limits.paused_until, limits.next_at - spacing * (burst - 1));
  wait_s := extract(epoch from go_at - this_at);
  if wait_s > wait_max_s then
    verdict := 'later';
    return;
  end if;
  select min(s.slot) into free from generate_series(1, concurrent) as s (slot)
  where not exists (
    select from ops.target_permits p where p.target = asked_target and p.slot = s.slot and p.held_until > this_at);
  if free is null then
    verdict := 'busy';
    select extract(epoch from min(p.held_until) - this_at) into wait_s from ops.target_permits p
    where p.target = asked_target and p.held_until > this_at;
    return;
  end if;
  verdict := 'go';
  permit := gen_random_uuid();
  insert into ops.target_permits as p values (asked_target, free, permit, asked_holder, go_at + make_interval(secs => lease_s))
  on conflict on constraint target_permits_pkey do update
    set permit = excluded.permit, holder = excluded.holder, held_until = excluded.held_until;
  update ops.target_limits l set
    next_at = greatest(limits.next_at, go_at) + spacing,
    alone_holder = case when must_be_alone then asked_holder else l.alone_holder end,
    alone_until = case when must_be_alone then go_at + make_interval(secs => lease_s) else l.alone_until end
  where l.target = asked_target;
end $$;

-- The call is over; what was heard decides for all. 'unused': it was not made, its place in time is free again.
-- 'silent': no answer that counts. 'answered': it lives, and refused something. 'good': it did what was asked.
-- 'login_good', 'login_answered': the same of a login, which proves the login and not that the target works.
-- True when this proved another login than the refused one: the target goes on.
create function ops.give_back(
  asked_target text, asked_holder text, asked_login text, asked_permit uuid, per_s double precision, heard text,
  pause_s double precision, failures_max integer) returns boolean
language plpgsql as $$
declare
  limits ops.target_limits;
  this_at timestamptz;
  is_alone boolean;
  is_let_in boolean := heard in ('good', 'login_good');
  is_resumed boolean;
begin
  update ops.target_permits p set held_until = '-infinity' where p.target = asked_target and p.permit = asked_permit;
  -- Nearly always all is well and stays so: no lock, and no dead row for long transactions to keep.
  perform from ops.target_limits l
  where l.target = asked_target and heard in ('good', 'login_good', 'answered') and pause_s <= 0 and l.failures = 0
    and l.opened_at is null and l.refused_login is null and asked_login = any(l.proven_logins)
    and (l.alone_holder is distinct from asked_holder or l.alone_until = '-infinity');
  if found then
    return false;
  end if;
  select * into limits from ops.target_limits l where l.target = asked_target for update;
  if not found then
    return false;
  end if;
  this_at := clock_timestamp();
  is_alone := coalesce(limits.alone_holder = asked_holder and limits.alone_until > this_at, false);
  is_resumed := is_let_in and limits.refused_login <> asked_login;
  if heard = 'unused' then
    limits.next_at := limits.next_at - make_interval(secs => 1 / per_s);
  elsif heard = 'silent' then
    limits.failures := limits.failures + 1;
    -- Calls that began before the circuit opened end after it: only the probe's silence counts anew.
    if limits.opened_at is null and limits.failures >= failures_max or limits.opened_at is not null and is_alone then
      limits.opened_at := this_at;
    end if;
  elsif heard in ('good', 'answered') and (limits.opened_at is null or is_alone) then
    limits.failures := 0;
    limits.opened_at := null;
  end if;
  if is_let_in and not asked_login = any(limits.proven_logins) then
    limits.proven_logins := (array_prepend(asked_login, limits.proven_logins))[1:4];
  end if;
  if is_resumed then
    limits.refused_login := null;
    limits.refused_at := null;
  end if;
  -- A login that was answered, but not let in yet, stays its holder's to judge: others would only try it, too.
  if is_alone and (heard in ('unused', 'silent')
      or limits.opened_at is null and asked_login = any(limits.proven_logins)) then
    limits.alone_until := '-infinity';
  end if;
  if pause_s > 0 then
    limits.paused_until := greatest(limits.paused_until, this_at + make_interval(secs => pause_s));
    limits.pause_reason := 'it asked to wait';
  end if;
  update ops.target_limits l set
    next_at = limits.next_at, failures = limits.failures, opened_at = limits.opened_at,
    proven_logins = limits.proven_logins, refused_login = limits.refused_login, refused_at = limits.refused_at,
    alone_until = limits.alone_until, paused_until = limits.paused_until, pause_reason = limits.pause_reason
  where l.target = asked_target;
  return coalesce(is_resumed, false);
end $$;

grant select, insert, update on ops.target_limits, ops.target_permits to syncline_publisher;
grant select on ops.target_permits to syncline_transformer, syncline_bi;
grant select (target, next_at, paused_until, pause_reason, failures, opened_at, alone_until, refused_at, resumed_by, resumed_at,
  checked_at)
  on ops.target_limits to syncline_transformer, syncline_bi;
