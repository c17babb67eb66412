# METADATA
# title: Tests of data residency
# description: Geographies of profiles, ids that hide theirs, and Regions of ARNs.
package policy.org.residency_test

import data.lib.fixture_test as fixture
import data.policy.org.residency

invoking(model) := object.union(object.remove(fixture.converse, ["model"]), {"model": model})

denied(model, team) := codes if {
	items := residency.deny with input as invoking(model)
		with data.teams as {"payments": team}
	codes := fixture.codes(items)
}

profile(scope) := {"id": concat(".", [scope, "amazon.nova-lite-v1:0"]), "kind": "inference_profile", "scope": scope}

test_listed_geography_passes if {
	denied(profile("us"), {"geographies": ["us", "ca"]}) == set()
	denied(profile("ca"), {"geographies": ["us", "ca"]}) == set()
}

test_other_geography_is_denied if {
	denied(profile("eu"), {"geographies": ["us"]}) == {"geography_not_allowed"}
	denied(profile("us"), {"geographies": ["us-gov"]}) == {"geography_not_allowed"}
	denied(profile("us"), {"geographies": []}) == {"geography_not_allowed"}
}

test_list_of_the_wrong_shape_allows_no_geography if {
	denied(profile("us"), {"geographies": "us"}) == {"geography_not_allowed"}
	denied(profile("us"), {"geographies": false}) == {"geography_not_allowed"}
}

test_global_has_to_be_named if {
	denied(profile("global"), {"geographies": ["us", "eu"]}) == {"geography_not_allowed"}
	denied(profile("global"), {"geographies": ["*"]}) == {"geography_not_allowed"}
	denied(profile("global"), {"geographies": ["us", "global"]}) == set()
}

test_star_is_every_single_geography if {
	denied(profile("eu"), {"geographies": ["*"]}) == set()
}

test_model_of_one_region_has_no_geography if {
	denied({"id": "amazon.nova-lite-v1:0", "kind": "foundation_model"}, {"geographies": []}) == set()
}

test_team_without_geographies_is_not_bound if {
	denied(profile("global"), {}) == set()
	items := residency.deny with input as invoking(profile("global"))
	items == set()
}

test_hidden_geography_is_denied_unless_granted_by_id if {
	every kind in ["application_inference_profile", "prompt", "prompt_router"] {
		model := {"id": "arn:aws:bedrock:us-east-1:123456789012:x/abcd1234efgh", "kind": kind, "region": "us-east-1"}
		denied(model, {"geographies": ["us"]}) == {"geography_unknown"}
		denied(model, {"geographies": ["us"], "models": ["*"]}) == {"geography_unknown"}
		denied(model, {"geographies": ["*"]}) == {"geography_unknown"}
		denied(model, {"geographies": ["us"], "models": [model.id]}) == set()
		denied(model, {"geographies": ["*", "global"]}) == set()
		denied(model, {}) == set()
	}
}

arn(region) := {"id": "arn", "kind": "provisioned_model", "region": region}

test_arn_of_the_endpoints_region_passes if {
	denied(arn("us-east-1"), {}) == set()
}

test_arn_of_another_region_is_denied if {
	denied(arn("eu-west-1"), {}) == {"arn_region_mismatch"}
	items := residency.deny with input as invoking(arn("eu-west-1"))
	fixture.codes(items) == {"arn_region_mismatch"}
}

test_further_regions_can_be_allowed if {
	denied(arn("eu-west-1"), {"arn_regions": ["eu-west-1"]}) == set()
	denied(arn("eu-west-1"), {"arn_regions": ["*"]}) == set()
	denied(arn("eu-west-1"), {"arn_regions": ["eu-west-2"]}) == {"arn_region_mismatch"}
	denied(arn("eu-west-1"), {"arn_regions": "eu-west-1"}) == {"arn_region_mismatch"}
}

test_unknown_endpoint_region_matches_no_arn if {
	items := residency.deny with input as object.remove(invoking(arn("us-east-1")), ["api"])
	fixture.codes(items) == {"arn_region_mismatch"}
}

test_model_of_a_batch_job_is_bound_like_any_other if {
	job := object.union(fixture.api_call, {"model": object.union(profile("eu"), {"region": "eu-west-1"})})
	items := residency.deny with input as job
		with data.teams as {"payments": {"geographies": ["us"]}}
	fixture.codes(items) == {"arn_region_mismatch", "geography_not_allowed"}
	without := residency.deny with input as fixture.api_call
		with data.teams as {"payments": {"geographies": []}}
	without == set()
}

test_other_actions_are_left_alone if {
	items := residency.deny with input as object.union(fixture.other_action, {"model": {"region": "eu-west-1"}})
		with data.teams as {"payments": {"geographies": []}}
	items == set()
	tool_items := residency.deny with input as fixture.tool_use
		with data.teams as {"payments": {"geographies": []}}
	tool_items == set()
}
