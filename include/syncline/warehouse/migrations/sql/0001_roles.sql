-- Least privilege: who loads cannot decide, who decides cannot push, who reads changes nothing.
do $$
declare r text;
begin
  foreach r in array array['syncline_loader', 'syncline_transformer', 'syncline_publisher', 'syncline_bi'] loop
    if not exists (select from pg_roles where rolname = r) then
      execute format('create role %I nologin', r);
    end if;
  end loop;
end $$;

create schema raw;
create schema ops;
create schema staging;
create schema intermediate;
create schema canonical;
create schema marts;

-- dbt owns what can be dropped and rebuilt. The membership lets the migrating user hand the schemas over.
do $$ begin execute format('grant syncline_transformer to %I', current_user); end $$;
alter schema staging owner to syncline_transformer;
alter schema intermediate owner to syncline_transformer;
alter schema canonical owner to syncline_transformer;
alter schema marts owner to syncline_transformer;
grant usage on schema raw, ops to syncline_loader, syncline_transformer, syncline_publisher, syncline_bi;
grant usage on schema staging, intermediate, canonical, marts to syncline_publisher, syncline_bi;
grant usage on schema intermediate, canonical to syncline_loader;

-- What dbt creates is readable by those who read it back; dbt's grants would be one statement per model and batch.
alter default privileges for role syncline_transformer in schema staging, intermediate, canonical, marts
  grant select on tables to syncline_publisher, syncline_bi, syncline_loader;
