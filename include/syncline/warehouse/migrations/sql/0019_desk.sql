-- What people are asked about held corrections, and dead letters that they have computed anew (ADR 0023).

create table ops.hold_questions (       -- one for what is held at a target for one reason
  question_id bigint generated always as identity primary key,
  target      text not null,
  reason      text not null,
  state       text not null check (state in ('open', 'released', 'denied', 'settled')),
  opened_at   timestamptz not null,     -- in the product's clock
  decided_at  timestamptz,
  decided_by  text,
  note        text,
  asked_by    text,                     -- the Airflow run whose question stands
  asked_until timestamptz,
  check ((state = 'open') = (decided_at is null)),
  check ((state in ('released', 'denied')) = (decided_by is not null))
);
create unique index one_open_question on ops.hold_questions (target, reason) where state = 'open';
create table ops.hold_question_lines (  -- what the question is about: written before it is asked
  question_id   bigint not null references ops.hold_questions,
  correction_id text not null references ops.outbox,
  primary key (question_id, correction_id)
);
create index on ops.hold_question_lines (correction_id);

create function ops.guard_question() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' or old.state <> 'open'
     or (new.question_id, new.target, new.reason, new.opened_at) is distinct from
        (old.question_id, old.target, old.reason, old.opened_at) then
    raise exception 'ops.hold_questions: question % is % and stays what it was', old.question_id, old.state
      using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger guard before update or delete on ops.hold_questions for each row execute function ops.guard_question();

create table ops.outbox_redrives (      -- a dead letter is never sent again: its key is computed anew
  correction_id text primary key references ops.outbox,
  to_version    bigint not null,        -- the version of its key that was counted for it
  redriven_at   timestamptz not null,   -- in the product's clock
  redriven_by   text not null check (redriven_by <> ''),
  why           text not null check (why <> '')
);

do $$
declare t text;
begin
  foreach t in array array['hold_question_lines', 'outbox_redrives'] loop
    execute format('create trigger insert_only before update or delete on ops.%I for each row execute function raw.refuse_change()', t);
  end loop;
  foreach t in array array['hold_questions', 'hold_question_lines', 'outbox_redrives'] loop
    execute format('create trigger no_truncate before truncate on ops.%I execute function raw.refuse_change()', t);
  end loop;
end $$;

grant select, insert, update on ops.hold_questions to syncline_publisher;
grant select, insert on ops.hold_question_lines, ops.outbox_redrives to syncline_publisher;
grant select on ops.hold_questions, ops.hold_question_lines, ops.outbox_redrives to syncline_transformer, syncline_bi;
