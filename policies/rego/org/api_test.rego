# METADATA
# title: Tests of the grants of other operations
# description: What grants an operation, what a star never does, and what a call may point at.
package policy.org.api_test

import data.lib.fixture_test as fixture
import data.policy.org.api

granted(team, document, settings) if {
	items := api.allow with input as document
		with data.teams as {"payments": object.union({"regions": ["us-east-1"]}, team)}
		with data.settings as settings
	items == {"operation_granted"}
}

denied(team, document) := codes if {
	items := api.deny with input as document
		with data.teams as {"payments": team}
	codes := fixture.codes(items)
}

calling(service, operation) := object.union(fixture.api_call, {"api": {"service": service, "operation": operation}})

test_operation_is_granted_by_name if {
	every list in [
		["InvokeAgent"],
		["bedrock-agent-runtime.InvokeAgent"],
		["bedrock-agent-runtime.*"],
		["Invoke*"],
		["*"],
	] {
		granted({"operations": list}, fixture.api_call, {})
	}
}

test_other_operation_is_not_granted if {
	every list in [
		[],
		["InvokeAgentRuntime"],
		["invokeagent"],
		["bedrock-agentcore.InvokeAgent"],
		["bedrock-agentcore.*"],
		"InvokeAgent",
		null,
	] {
		not granted({"operations": list}, fixture.api_call, {})
	}
}

test_nothing_is_granted_without_data if {
	items := api.allow with input as fixture.api_call
	items == set()
	denied_items := api.deny with input as fixture.api_call
	denied_items == set()
	not granted({"models": ["*"]}, fixture.api_call, {})
}

test_regions_have_to_be_listed if {
	not granted({"operations": ["*"], "regions": []}, fixture.api_call, {})
	not granted({"operations": ["*"], "regions": ["eu-west-1"]}, fixture.api_call, {})
	granted({"operations": ["*"], "regions": ["*"]}, fixture.api_call, {})
}

secrets := [
	"CompleteResourceTokenAuth",
	"GetResourceApiKey",
	"GetResourceOauth2Token",
	"GetWorkloadAccessToken",
	"GetWorkloadAccessTokenForJWT",
	"GetWorkloadAccessTokenForUserId",
]

test_secrets_are_handed_out_by_full_name_only if {
	every operation in secrets {
		document := calling("bedrock-agentcore", operation)
		full := concat(".", ["bedrock-agentcore", operation])
		granted({"operations": [operation]}, document, {})
		granted({"operations": [full]}, document, {})
		every list in [["*"], ["Get*", "Complete*"], ["bedrock-agentcore.*"], [concat("", [full, "*"])]] {
			not granted({"operations": list}, document, {"allow_look_ups": true})
		}
	}
}

test_look_ups_pass_only_when_the_setting_is_on if {
	granted({}, fixture.look_up, {"allow_look_ups": true})
	every value in [false, "true", null, 1] {
		not granted({}, fixture.look_up, {"allow_look_ups": value})
	}
	not granted({}, fixture.look_up, {})
}

test_only_look_ups_are_look_ups if {
	every operation in ["GetSession", "GetAgentMemory", "GetEvent", "StopModelInvocationJob", "DeleteSession"] {
		document := object.union(fixture.look_up, {"api": {"operation": operation}})
		not granted({}, document, {"allow_look_ups": true})
	}
	not granted({}, object.union(fixture.look_up, {"api": {"inspected": true}}), {"allow_look_ups": true})
}

test_look_ups_are_for_known_teams if {
	items := api.allow with input as fixture.look_up
		with data.settings as {"allow_look_ups": true}
	items == set()
	other_items := api.allow with input as fixture.look_up
		with data.teams as {"search": {"regions": ["*"]}}
		with data.settings as {"allow_look_ups": true}
	other_items == set()
}

test_model_of_a_call_has_to_be_granted_too if {
	job := object.union(calling("bedrock", "CreateModelInvocationJob"), {"model": fixture.model})
	team := {"operations": ["CreateModelInvocationJob"]}
	not granted(team, job, {})
	not granted(object.union(team, {"models": ["amazon.nova-lite-v1:0"]}), job, {})
	granted(object.union(team, {"models": [fixture.model.id]}), job, {})
	granted(object.union(team, {"model_families": ["claude-sonnet-4"]}), job, {})
}

test_resources_are_free_unless_listed if {
	denied({}, fixture.api_call) == set()
	denied({"resources": {}}, fixture.api_call) == set()
	denied({"resources": {"flowIdentifier": []}}, fixture.api_call) == set()
}

test_listed_resource_passes_and_another_is_denied if {
	every list in [["AGENT12345"], ["AGENT*"], ["*"]] {
		denied({"resources": {"agentId": list}}, fixture.api_call) == set()
	}
	every list in [["AGENT00000"], [], "AGENT12345", false] {
		denied({"resources": {"agentId": list}}, fixture.api_call) == {"resource_not_granted"}
	}
}

test_resources_of_the_wrong_shape_fence_everything_in if {
	every resources in [["AGENT12345"], "*", true, false, null] {
		denied({"resources": resources}, fixture.api_call) == {"resource_not_granted"}
	}
}

test_other_actions_are_left_alone if {
	every document in [fixture.other_action, fixture.converse, fixture.kb_retrieve, fixture.endpoint_invoke] {
		tempting := object.union(document, {"api": object.union(fixture.api_call.api, {"inspected": false})})
		not granted({"operations": ["*"]}, tempting, {"allow_look_ups": true})
		denied({"resources": {"agentId": []}}, tempting) == set()
	}
}
