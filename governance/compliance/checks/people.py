"""People and their accounts: C01, C02, C03, C09, C10."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings

from governance.compliance.asking import rows
from governance.compliance.registry import Ground, check
from governance.compliance.results import Answer, Item, Tally

AREA = "People"
RULING_ROLES = ["owner", "admin", "editor"]

FACTORS = """
SELECT m.id, coalesce(nullif(p.name, ''), p.email), EXISTS (
    SELECT FROM mfa_authenticator a WHERE a.user_id = p.id AND a.type IN ('totp', 'webauthn'))
FROM stateward_member m JOIN stateward_person p ON p.id = m.person_id
WHERE m.tenant_id = %s AND m.is_active AND p.is_active AND m.roles && %s::varchar[] ORDER BY m.id
"""
# When somebody was last here: signed in, seen in a session, or calling with a key of theirs.
ACTIVITY = """
SELECT 'member', m.id, coalesce(nullif(p.name, ''), p.email), greatest(m.created_at, p.last_login,
    (SELECT max(u.last_seen_at) FROM usersessions_usersession u WHERE u.user_id = p.id),
    (SELECT max(c.last_used_at) FROM stateward_credential c
     WHERE c.tenant_id = m.tenant_id AND c.member_id = m.id))
FROM stateward_member m JOIN stateward_person p ON p.id = m.person_id
WHERE m.tenant_id = %s AND m.is_active AND p.is_active
UNION ALL
SELECT 'agent', a.id, a.name, greatest(a.created_at,
    (SELECT max(c.last_used_at) FROM stateward_credential c
     WHERE c.tenant_id = a.tenant_id AND c.agent_id = a.id))
FROM stateward_agent a WHERE a.tenant_id = %s AND a.status = 'active'
ORDER BY 1, 2
"""
WORKING = "c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > clock_timestamp())"
# A session belongs to the person: somebody who left this tenant may be signed in for another one.
GONE = f"""
SELECT 'member', m.id, coalesce(nullif(p.name, ''), p.email),
    (SELECT count(*) FROM stateward_credential c
     WHERE c.tenant_id = m.tenant_id AND c.member_id = m.id AND {WORKING}),
    CASE WHEN p.is_active THEN 0 ELSE (
        SELECT count(*) FROM usersessions_usersession u
        JOIN django_session s ON s.session_key = u.session_key
        WHERE u.user_id = p.id AND s.expire_date > clock_timestamp()) END
FROM stateward_member m JOIN stateward_person p ON p.id = m.person_id
WHERE m.tenant_id = %s AND NOT (m.is_active AND p.is_active)
UNION ALL
SELECT 'agent', a.id, a.name,
    (SELECT count(*) FROM stateward_credential c
     WHERE c.tenant_id = a.tenant_id AND c.agent_id = a.id AND {WORKING}), 0
FROM stateward_agent a WHERE a.tenant_id = %s AND a.status = 'retired'
ORDER BY 1, 2
"""
ADMINS = """
SELECT count(*) FROM stateward_member m JOIN stateward_person p ON p.id = m.person_id
WHERE m.tenant_id = %s AND m.is_active AND p.is_active AND m.roles && ARRAY['owner', 'admin']::varchar[]
"""  # noqa: E501  # one condition
SESSIONS = """
SELECT u.id, m.id, coalesce(nullif(p.name, ''), p.email),
    extract(epoch FROM u.last_seen_at - u.created_at)::float8
FROM stateward_member m JOIN stateward_person p ON p.id = m.person_id
JOIN usersessions_usersession u ON u.user_id = p.id
WHERE m.tenant_id = %s AND m.is_active ORDER BY u.id
"""
SLACK_SECONDS = 120  # activity is written down once a minute


@check(
    "C01",
    "People who can change things have a second factor",
    area=AREA,
    severity="high",
    proves="Every active member with the role owner, admin or editor has an authenticator app or a"
    " passkey registered.",
    does_not_prove="That it was used at each sign-in, or that it is in the right hands.",
)
def second_factors(ground: Ground) -> Answer:
    tally = Tally("member who can change things,members who can change things")
    for member_id, name, has_factor in rows(FACTORS, (ground.tenant_id, RULING_ROLES)):
        bad = Item("member", str(member_id), name, "No authenticator app and no passkey.")
        tally.add(None if has_factor else bad)
    return tally.answer(
        "have a second factor",
        "have no second factor",
        nothing="No active member can change anything.",
    )


@check(
    "C02",
    "No idle account is still active",
    area=AREA,
    severity="medium",
    proves="Every active member and agent has signed in or used a key within the allowed days.",
    does_not_prove="That those who did still need their account.",
)
def idle_accounts(ground: Ground) -> Answer:
    days = ground.number("idle_days")
    since = ground.now - timedelta(days=days)
    tally = Tally("active account,active accounts")
    for kind, account_id, name, last in rows(ACTIVITY, (ground.tenant_id, ground.tenant_id)):
        detail = f"Last active on {last:%d %b %Y}; at most {days} days are allowed."
        tally.add(Item(kind, str(account_id), name, detail) if last < since else None)
    return tally.answer(
        f"were active in the last {days} days",
        f"have been idle for more than {days} days",
        nothing="There is no active account.",
    )


@check(
    "C03",
    "Disabled accounts have no way in",
    area=AREA,
    severity="critical",
    proves="No removed or disabled member and no retired agent has a working key, and no disabled"
    " person a live session.",
    does_not_prove="That somebody who is still active in another tenant is signed out there.",
)
def disabled_accounts(ground: Ground) -> Answer:
    tally = Tally("disabled account,disabled accounts")
    found = rows(GONE, (ground.tenant_id, ground.tenant_id))
    for kind, account_id, name, keys, sessions in found:
        detail = f"Working keys: {keys}; live sessions: {sessions}."
        tally.add(Item(kind, str(account_id), name, detail) if keys or sessions else None)
    return tally.answer(
        "have no key and no session",
        "have a key or a session still",
        nothing="No account was ever disabled.",
    )


@check(
    "C09",
    "The tenant has neither too few nor too many admins",
    area=AREA,
    severity="medium",
    proves="The number of active owners and admins lies within the limits.",
    does_not_prove="That they are the right people, or that they can be reached.",
)
def number_of_admins(ground: Ground) -> Answer:
    found = rows(ADMINS, (ground.tenant_id,))[0][0]
    fewest, most = ground.number("fewest_admins"), ground.number("most_admins")
    tally = Tally("tenant,tenants")
    people = "1 active owner or admin" if found == 1 else f"{found} active owners and admins"
    detail = f"{people}; the limits are {fewest} and {most}."
    bad = Item("tenant", ground.tenant_slug, "The tenant", detail)
    tally.add(None if fewest <= found <= most else bad)
    answer = tally.answer("", "", nothing="")
    said = f"The tenant has {people}, {'within' if not tally.failing else 'outside'} the limits of"
    return Answer(answer.outcome, f"{said} {fewest} and {most}.", 1, tally.failing, answer.items)


@check(
    "C10",
    "Sessions end, by idleness and by age",
    area=AREA,
    severity="medium",
    proves="This installation's session limits are at most the thresholds, and no session of a"
    " member was in use for longer than that.",
    does_not_prove="That people lock their screens; sessions that ended and were cleared are gone.",
)
def session_limits(ground: Ground) -> Answer:
    tally = Tally("limit and session,limits and sessions")
    for name, limit in (
        ("SESSION_IDLE_SECONDS", ground.number("session_idle_seconds")),
        ("SESSION_ABSOLUTE_SECONDS", ground.number("session_absolute_seconds")),
    ):
        value = int(getattr(settings, name, 0))
        detail = f"It is {value} seconds; more than 0 and at most {limit} are allowed."
        tally.add(None if 0 < value <= limit else Item("setting", name, name, detail))
    longest = ground.number("session_absolute_seconds") + SLACK_SECONDS
    for session_id, member_id, name, seconds in rows(SESSIONS, (ground.tenant_id,)):
        detail = f"In use for {seconds / 3600:.1f} hours."
        bad = Item("member", f"{member_id}/{session_id}", f"A session of {name}", detail)
        tally.add(bad if seconds > longest else None)
    return tally.answer(
        "keep within what is allowed", "exceed what is allowed", nothing="There are no limits."
    )
