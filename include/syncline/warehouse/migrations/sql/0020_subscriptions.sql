-- Who wants which events (the newest rows of subscriptions.csv). The most specific row of a subscriber decides.
create table ops.current_subscriptions (
  subscriber text not null,
  event      text not null,             -- a kind of ops.events, or *
  location   text not null,             -- or *
  item_class text not null,             -- or *
  mode       text not null check (mode in ('live', 'shadow', 'off')),
  primary key (subscriber, event, location, item_class)
);
grant select on ops.current_subscriptions to syncline_transformer, syncline_publisher, syncline_bi;
