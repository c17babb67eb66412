# METADATA
# title: Tests of the answer cache
# description: When an answer may be kept; every other case has to end in silence.
package policy.org.cache_test

import data.lib.fixture_test as fixture
import data.policy.org.cache

# Deterministic, without tools: what may be cached.
plain := object.union(fixture.converse, {"request": {"tools": []}})

cached(document, settings) := items if {
	items := cache.apply with input as document
		with data.teams as {"payments": {"cache": settings}}
}

test_plain_request_is_cached_per_app_by_default if {
	cached(plain, {"ttl_s": 300}) == {{"cache": {"scope": "app", "ttl_s": 300}}}
}

test_scope_is_the_teams if {
	every scope in ["user", "team", "app", "org"] {
		cached(plain, {"ttl_s": 300, "scope": scope}) == {{"cache": {"scope": scope, "ttl_s": 300}}}
	}
}

test_temperature_of_zero_may_be_written_as_a_fraction if {
	document := object.union(plain, {"request": {"params": {"temperature": 0.0}}})
	cached(document, {"ttl_s": 300}) == {{"cache": {"scope": "app", "ttl_s": 300}}}
}

test_nothing_is_cached_unless_the_team_asks if {
	items := cache.apply with input as plain
		with data.teams as {"payments": {}}
	items == set()
	without_data := cache.apply with input as plain
	without_data == set()
}

test_sampled_answers_are_not_cached if {
	cached(object.union(plain, {"request": {"params": {"temperature": 0.1}}}), {"ttl_s": 300}) == set()
	unset := object.union(object.remove(plain, ["request"]), {"request": object.remove(plain.request, ["params"])})
	cached(unset, {"ttl_s": 300}) == set()
	cached(object.union(unset, {"request": {"params": {}}}), {"ttl_s": 300}) == set()
}

test_requests_with_tools_are_not_cached if {
	cached(fixture.converse, {"ttl_s": 300}) == set()
	cached(object.union(plain, {"request": {"tools_unreadable": true}}), {"ttl_s": 300}) == set()
}

test_answers_about_content_elsewhere_are_not_cached if {
	cached(object.union(plain, {"request": {"content_elsewhere": true}}), {"ttl_s": 300}) == set()
	request := object.remove(plain.request, ["content_elsewhere"])
	cached(object.union(object.remove(plain, ["request"]), {"request": request}), {"ttl_s": 300}) == set()
}

test_doubtful_settings_cache_nothing if {
	every settings in [
		{},
		{"ttl_s": 0},
		{"ttl_s": -1},
		{"ttl_s": "300"},
		{"ttl_s": 300, "scope": "world"},
		{"ttl_s": 300, "scope": null},
		true,
		null,
	] {
		cached(plain, settings) == set()
	}
}

test_scope_of_a_user_needs_a_user if {
	principal := object.remove(fixture.principal, ["user"])
	anonymous := object.union(object.remove(plain, ["principal"]), {"principal": principal})
	cached(anonymous, {"ttl_s": 300, "scope": "user"}) == set()
	cached(object.union(anonymous, {"principal": {"user": ""}}), {"ttl_s": 300, "scope": "user"}) == set()
	cached(anonymous, {"ttl_s": 300, "scope": "team"}) == {{"cache": {"scope": "team", "ttl_s": 300}}}
}

test_other_actions_are_left_alone if {
	document := object.union(plain, {"action": "tool:use"})
	cached(document, {"ttl_s": 300}) == set()
}
