# METADATA
# title: Tests of the baseline
# description: Each rule with a fact that is bad, a fact that is missing, and the setting that lifts it.
package policy.org.baseline_test

import data.lib.fixture_test as fixture
import data.policy.org.baseline

denied(document, settings) := codes if {
	items := baseline.deny with input as document
		with data.settings as settings
	codes := fixture.codes(items)
}

# The request with one of its top-level parts replaced.
replacing(document, key, value) := object.union(object.remove(document, [key]), {key: value})

without_fact(document, part, fact) := replacing(document, part, object.remove(document[part], [fact]))

test_sound_questions_pass_without_data if {
	every document in array.concat(fixture.requests, [fixture.tool_use, fixture.look_up]) {
		items := baseline.deny with input as document
		items == set()
	}
}

denied_as_unverified(document, verified) if {
	principal := object.union(fixture.principal, {"verified": verified})
	denied(replacing(document, "principal", principal), {}) == {"principal_unverified"}
}

test_unverified_caller_is_denied_for_every_action if {
	every verified in [[], [""], [5], "sigv4", null, {"sigv4": true}] {
		every document in array.concat(fixture.requests, [fixture.tool_use, fixture.look_up]) {
			denied_as_unverified(document, verified)
		}
	}
}

test_caller_without_proof_is_denied_for_every_action if {
	every document in array.concat(fixture.requests, [fixture.tool_use, fixture.look_up]) {
		denied(without_fact(document, "principal", "verified"), {}) == {"principal_unverified"}
		denied(object.remove(document, ["principal"]), {}) == {"principal_unverified"}
	}
}

test_unparsed_request_is_denied if {
	every document in fixture.requests {
		denied(object.union(document, {"request": {"parsed": false}}), {}) == {"request_unparsed"}
		denied(without_fact(document, "request", "parsed"), {}) == {"request_unparsed"}
	}
}

test_call_that_says_nothing_of_its_body_is_denied if {
	denied(without_fact(fixture.look_up, "api", "inspected"), {}) == {"request_unparsed"}
	denied(object.union(fixture.look_up, {"api": {"inspected": true}}), {}) == {"request_unparsed"}
	denied(object.union(fixture.look_up, {"request": fixture.plain_request}), {}) == set()
	denied(object.union(fixture.look_up, {"request": {"parsed": false, "bytes": 1}}), {}) == {"request_unparsed"}
}

for_team(document, team) := codes if {
	items := baseline.deny with input as document
		with data.teams as {"payments": team}
	codes := fixture.codes(items)
}

test_opaque_bodies_pass_when_the_team_may_send_them if {
	every document in fixture.requests {
		opaque := object.union(document, {"request": {"parsed": false}})
		for_team(opaque, {"opaque_bodies": true}) == set()
		for_team(opaque, {"opaque_bodies": "true"}) == {"request_unparsed"}
		for_team(opaque, {"content_elsewhere": true}) == {"request_unparsed"}
	}
}

test_content_elsewhere_is_denied if {
	every document in fixture.requests {
		pointing := object.union(document, {"request": {"content_elsewhere": true}})
		denied(pointing, {}) == {"content_elsewhere"}
		for_team(pointing, {"content_elsewhere": "true"}) == {"content_elsewhere"}
		for_team(pointing, {"opaque_bodies": true}) == {"content_elsewhere"}
		for_team(pointing, {"content_elsewhere": true}) == set()
	}
	job := object.union(fixture.api_call, {"api": {"content_elsewhere": true}})
	denied(job, {}) == {"content_elsewhere"}
	for_team(job, {"content_elsewhere": true}) == set()
}

test_request_that_may_point_elsewhere_is_denied if {
	every document in [fixture.converse, fixture.endpoint_invoke, fixture.kb_retrieve] {
		denied(without_fact(document, "request", "content_elsewhere"), {}) == {"content_elsewhere"}
	}
	denied(without_fact(fixture.api_call, "api", "content_elsewhere"), {}) == {"content_elsewhere"}
	denied(without_fact(fixture.look_up, "api", "content_elsewhere"), {}) == {"content_elsewhere"}
}

test_uninspected_request_is_denied if {
	every document in fixture.requests {
		denied(without_fact(document, "signals", "secrets"), {}) == {"request_uninspected"}
		denied(without_fact(document, "signals", "injection"), {}) == {"request_uninspected"}
		denied(object.remove(document, ["signals"]), {}) == {"request_uninspected"}
	}
}

test_unreadable_tools_are_denied if {
	every request in fixture.requests {
		offering := object.union(request, {"request": {"tools_unreadable": true}})
		denied(offering, {}) == {"tools_unreadable"}
	}
	document := object.union(fixture.converse, {"request": {"tools_unreadable": true}})
	denied(document, {"allow_unreadable_tools": false}) == {"tools_unreadable"}
	denied(document, {"allow_unreadable_tools": "true"}) == {"tools_unreadable"}
	denied(without_fact(fixture.converse, "request", "tools_unreadable"), {}) == {"tools_unreadable"}
	denied(without_fact(fixture.endpoint_invoke, "request", "tools_unreadable"), {}) == {"tools_unreadable"}
}

test_unreadable_tools_pass_when_allowed if {
	document := object.union(fixture.converse, {"request": {"tools_unreadable": true}})
	denied(document, {"allow_unreadable_tools": true}) == set()
}

test_size_is_bounded_by_default if {
	every document in fixture.requests {
		denied(object.union(document, {"request": {"bytes": 26214400}}), {}) == set()
		denied(object.union(document, {"request": {"bytes": 26214401}}), {}) == {"prompt_oversized"}
	}
}

test_size_limit_can_be_set if {
	denied(object.union(fixture.converse, {"request": {"bytes": 1000}}), {"body_bytes_max": 1000}) == set()
	denied(object.union(fixture.converse, {"request": {"bytes": 1001}}), {"body_bytes_max": 1000}) == {"prompt_oversized"}
}

test_size_limit_that_is_no_number_counts_as_not_set if {
	document := object.union(fixture.converse, {"request": {"bytes": 26214401}})
	denied(document, {"body_bytes_max": "1000"}) == {"prompt_oversized"}
}

test_unknown_size_is_denied if {
	every document in fixture.requests {
		denied(without_fact(document, "request", "bytes"), {}) == {"prompt_oversized"}
	}
}

test_exempt_caller_may_exceed_the_size if {
	items := baseline.deny with input as object.union(fixture.converse, {"request": {"bytes": 1001}})
		with data.settings as {"body_bytes_max": 1000}
		with data.exemptions as {"prompt_oversized": [{"principal": {"team": "payments"}, "expires": fixture.now + 60}]}
	items == set()
}

test_no_exemption_lifts_an_unverified_caller if {
	items := baseline.deny with input as object.union(fixture.converse, {"principal": {"verified": []}})
		with data.exemptions as {"principal_unverified": [{"principal": {"team": "payments"}, "expires": fixture.now + 60}]}
	fixture.codes(items) == {"principal_unverified"}
}

test_other_actions_are_left_alone if {
	denied(fixture.other_action, {}) == set()
	denied(object.remove(fixture.other_action, ["signals", "request", "principal"]), {}) == set()
}
