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
	every document in [fixture.converse, fixture.tool_use] {
		items := baseline.deny with input as document
		items == set()
	}
}

denied_as_unverified(document, verified) if {
	principal := object.union(fixture.principal, {"verified": verified})
	denied(replacing(document, "principal", principal), {}) == {"principal_unverified"}
}

test_unverified_caller_is_denied_for_both_actions if {
	every verified in [[], [""], [5], "sigv4", null, {"sigv4": true}] {
		denied_as_unverified(fixture.converse, verified)
		denied_as_unverified(fixture.tool_use, verified)
	}
}

test_caller_without_proof_is_denied_for_both_actions if {
	every document in [fixture.converse, fixture.tool_use] {
		denied(without_fact(document, "principal", "verified"), {}) == {"principal_unverified"}
		denied(object.remove(document, ["principal"]), {}) == {"principal_unverified"}
	}
}

test_unparsed_request_is_denied if {
	denied(object.union(fixture.converse, {"request": {"parsed": false}}), {}) == {"request_unparsed"}
	denied(without_fact(fixture.converse, "request", "parsed"), {}) == {"request_unparsed"}
}

test_uninspected_request_is_denied if {
	denied(without_fact(fixture.converse, "signals", "secrets"), {}) == {"request_uninspected"}
	denied(without_fact(fixture.converse, "signals", "injection"), {}) == {"request_uninspected"}
	denied(object.remove(fixture.converse, ["signals"]), {}) == {"request_uninspected"}
}

test_unreadable_tools_are_denied if {
	document := object.union(fixture.converse, {"request": {"tools_unreadable": true}})
	denied(document, {}) == {"tools_unreadable"}
	denied(document, {"allow_unreadable_tools": false}) == {"tools_unreadable"}
	denied(document, {"allow_unreadable_tools": "true"}) == {"tools_unreadable"}
	denied(without_fact(fixture.converse, "request", "tools_unreadable"), {}) == {"tools_unreadable"}
}

test_unreadable_tools_pass_when_allowed if {
	document := object.union(fixture.converse, {"request": {"tools_unreadable": true}})
	denied(document, {"allow_unreadable_tools": true}) == set()
}

test_size_is_bounded_by_default if {
	denied(object.union(fixture.converse, {"request": {"bytes": 26214400}}), {}) == set()
	denied(object.union(fixture.converse, {"request": {"bytes": 26214401}}), {}) == {"prompt_oversized"}
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
	denied(without_fact(fixture.converse, "request", "bytes"), {}) == {"prompt_oversized"}
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
