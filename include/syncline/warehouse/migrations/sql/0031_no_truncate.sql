-- What refuses update and delete refuses truncate too: it is the same loss in one word.
do $$
declare t text;
begin
  foreach t in array array[
    'config_versions', 'sources', 'locations', 'items', 'item_crosswalk', 'location_crosswalk', 'status_crosswalk',
    'unit_factors', 'ownership_rules', 'channel_rules', 'tolerances', 'subscriptions', 'target_items',
    'target_locations', 'exception_rules', 'owners', 'variance_tolerances', 'channel_criticality', 'compensation_rules',
    'exceptions', 'outbox', 'push_attempts'
  ] loop
    execute format('create trigger no_truncate before truncate on ops.%I execute function raw.refuse_change()', t);
  end loop;
end $$;
create trigger no_delete before delete on ops.push_attempts for each row execute function raw.refuse_change();
create trigger no_delete before delete on ops.outbox for each row execute function raw.refuse_change();
