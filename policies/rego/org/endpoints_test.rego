# METADATA
# title: Tests of the endpoint grants
# description: What grants an endpoint or a router, and what narrows a grant.
package policy.org.endpoints_test

import data.lib.fixture_test as fixture
import data.policy.org.endpoints

invoking(facts) := object.union(fixture.endpoint_invoke, {"endpoint": facts})

granted(team, document) if {
	items := endpoints.allow with input as document
		with data.teams as {"payments": team}
	items == {"endpoint_granted"}
}

denied(team, document) := codes if {
	items := endpoints.deny with input as document
		with data.teams as {"payments": team}
	codes := fixture.codes(items)
}

test_name_and_prefix_are_granted if {
	every list in [["llama-prod"], ["llama-*"], ["*"]] {
		granted({"endpoints": list, "regions": ["us-east-1"]}, fixture.endpoint_invoke)
	}
	granted({"endpoints": ["*"], "regions": ["*"]}, fixture.endpoint_invoke)
}

test_other_name_is_not_granted if {
	every list in [[], ["llama"], ["prod-*"], "llama-prod", null] {
		not granted({"endpoints": list, "regions": ["*"]}, fixture.endpoint_invoke)
	}
}

test_regions_have_to_be_listed if {
	not granted({"endpoints": ["*"]}, fixture.endpoint_invoke)
	not granted({"endpoints": ["*"], "regions": ["eu-west-1"]}, fixture.endpoint_invoke)
}

test_nothing_is_granted_without_data if {
	items := endpoints.allow with input as fixture.endpoint_invoke
	items == set()
	denied_items := endpoints.deny with input as fixture.endpoint_invoke
	denied_items == set()
	not granted({"models": ["*"], "regions": ["*"]}, fixture.endpoint_invoke)
}

test_router_is_granted_as_a_router_only if {
	router := invoking({"router": true})
	not granted({"endpoints": ["*"], "regions": ["*"]}, router)
	granted({"inference_routers": ["llama-prod"], "regions": ["*"]}, router)
	not granted({"inference_routers": ["*"], "regions": ["*"]}, fixture.endpoint_invoke)
}

test_what_is_neither_is_not_granted if {
	endpoint := object.remove(fixture.endpoint_invoke.endpoint, ["router"])
	document := object.union(object.remove(fixture.endpoint_invoke, ["endpoint"]), {"endpoint": endpoint})
	not granted({"endpoints": ["*"], "inference_routers": ["*"], "regions": ["*"]}, document)
}

test_parts_are_free_unless_listed if {
	denied({"endpoints": ["*"]}, invoking({"variant": "canary", "target_model": "m.tar.gz"})) == set()
}

test_listed_parts_pass_and_others_are_denied if {
	every list in [["ic-1"], ["ic-*"], ["*"]] {
		denied({"components": list}, fixture.endpoint_invoke) == set()
	}
	every list in [["ic-2"], [], "ic-1", null, false] {
		denied({"components": list}, fixture.endpoint_invoke) == {"endpoint_part_not_granted"}
	}
	denied({"variants": ["main"]}, invoking({"variant": "canary"})) == {"endpoint_part_not_granted"}
	denied({"target_models": ["a/*"]}, invoking({"target_model": "b/m.tar.gz"})) == {"endpoint_part_not_granted"}
	denied({"target_models": ["a/*"]}, invoking({"target_model": "a/m.tar.gz"})) == set()
}

test_part_that_is_not_named_is_not_denied if {
	denied({"variants": [], "target_models": []}, fixture.endpoint_invoke) == set()
}

test_each_part_is_a_reason_of_its_own if {
	items := endpoints.deny with input as invoking({"variant": "canary"})
		with data.teams as {"payments": {"components": [], "variants": []}}
	count(items) == 2
}

test_other_actions_are_left_alone if {
	every document in [fixture.other_action, fixture.converse, fixture.api_call] {
		tempting := object.union(document, {"endpoint": fixture.endpoint_invoke.endpoint})
		not granted({"endpoints": ["*"], "regions": ["*"]}, tempting)
		denied({"components": []}, tempting) == set()
	}
}
