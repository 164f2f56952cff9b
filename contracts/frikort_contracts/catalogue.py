"""All events by name, and where each travels."""

from frikort_contracts import allowance, grants, notifications, payroll, topics
from frikort_contracts.events import Event

BY_TOPIC: dict[topics.Topic, tuple[type[Event], ...]] = {
    topics.GRANTS: grants.EVENTS,
    topics.PAYROLL: payroll.EVENTS,
    topics.ALLOWANCE: allowance.EVENTS,
    topics.BALANCES: allowance.BALANCE_EVENTS,
    topics.RULES: allowance.RULE_EVENTS,
    topics.CHECKPOINTS: allowance.CHECKPOINT_EVENTS,
    topics.NOTIFICATIONS: notifications.EVENTS,
}
BY_TYPE: dict[str, type[Event]] = {
    event.TYPE: event for events in BY_TOPIC.values() for event in events
}
