# METADATA
# title: Tests of the model grants
# description: What grants a model, what does not, and what retiring one reaches.
package policy.org.models_test

import data.lib.fixture_test as fixture
import data.policy.org.models

sonnet := "us.anthropic.claude-sonnet-4-20250514-v1:0"

granted(team, document) if {
	allowed := models.allow with input as document
		with data.teams as {"payments": team}
	allowed == {"model_granted"}
}

invoking(model) := object.union(object.remove(fixture.converse, ["model"]), {"model": model})

test_exact_id_is_granted if {
	granted({"models": [sonnet], "regions": ["us-east-1"]}, fixture.converse)
}

test_star_grants_any_model_and_region if {
	granted({"models": ["*"], "regions": ["*"]}, fixture.converse)
}

test_family_is_granted if {
	granted({"model_families": ["claude-sonnet-4"], "regions": ["us-east-1"]}, fixture.converse)
}

test_other_id_is_not_granted if {
	not granted({"models": ["anthropic.claude-sonnet-4-20250514-v1:0"], "regions": ["*"]}, fixture.converse)
}

test_id_is_not_a_pattern if {
	not granted({"models": ["us.*", "us.anthropic", ""], "regions": ["*"]}, fixture.converse)
}

test_other_region_is_not_granted if {
	not granted({"models": ["*"], "regions": ["eu-west-1"]}, fixture.converse)
}

test_regions_have_to_be_listed if {
	not granted({"models": ["*"]}, fixture.converse)
}

test_other_team_is_not_granted if {
	allowed := models.allow with input as fixture.converse
		with data.teams as {"search": {"models": ["*"], "regions": ["*"]}}
	allowed == set()
}

test_nothing_is_granted_without_data if {
	allowed := models.allow with input as fixture.converse
	allowed == set()
	denied := models.deny with input as fixture.converse
	denied == set()
	applied := models.apply with input as fixture.converse
	applied == set()
}

test_list_of_the_wrong_shape_grants_nothing if {
	not granted({"models": sonnet, "regions": ["*"]}, fixture.converse)
	not granted({"models": [sonnet], "regions": "us-east-1"}, fixture.converse)
}

test_caller_without_a_team_is_not_granted if {
	document := object.union(object.remove(fixture.converse, ["principal"]), {"principal": {"app": "orders-bot"}})
	not granted({"models": ["*"], "regions": ["*"]}, document)
}

test_family_does_not_grant_a_custom_model if {
	team := {"model_families": ["nova-lite"], "regions": ["*"]}
	facts := {"id": "amazon.nova-lite-v1:0", "family": "nova-lite"}
	granted(team, invoking(object.union(facts, {"kind": "foundation_model"})))
	not granted(team, invoking(object.union(facts, {"kind": "custom_model"})))
}

test_hidden_family_is_never_granted_as_a_family if {
	document := invoking({"id": "abcd1234", "family": "", "kind": "foundation_model"})
	not granted({"model_families": [""], "regions": ["*"]}, document)
}

denied(model, exemptions) := codes if {
	items := models.deny with input as invoking(model)
		with data.retired_models as {"anthropic.claude-v2:1": "2025-07-21"}
		with data.exemptions as exemptions
	codes := fixture.codes(items)
}

test_retired_model_is_denied if {
	denied({"id": "anthropic.claude-v2:1"}, {}) == {"model_retired"}
}

test_retiring_a_model_reaches_its_arn_and_profiles if {
	arn := "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v2:1"
	denied({"id": arn}, {}) == {"model_retired"}
	denied({"id": "us.anthropic.claude-v2:1", "scope": "us"}, {}) == {"model_retired"}
	profile := "arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.anthropic.claude-v2:1"
	denied({"id": profile, "scope": "eu"}, {}) == {"model_retired"}
}

test_other_model_is_not_retired if {
	denied({"id": "anthropic.claude-v2:10"}, {}) == set()
}

test_exemption_keeps_a_retired_model_until_it_ends if {
	held := {"model_retired": [{"principal": {"team": "payments"}, "expires": fixture.now + 60}]}
	denied({"id": "anthropic.claude-v2:1"}, held) == set()
	ended := {"model_retired": [{"principal": {"team": "payments"}, "expires": fixture.now - 60}]}
	denied({"id": "anthropic.claude-v2:1"}, ended) == {"model_retired"}
}

test_output_is_limited_only_when_the_team_has_a_limit if {
	limited := models.apply with input as fixture.converse
		with data.teams as {"payments": {"max_tokens": 2048}}
	limited == {{"max_tokens": 2048}}
	unlimited := models.apply with input as fixture.converse
		with data.teams as {"payments": {"models": ["*"]}}
	unlimited == set()
}

limited(document) if {
	items := models.apply with input as document
		with data.teams as {"payments": {"max_tokens": 2048}}
	items == {{"max_tokens": 2048}}
}

test_output_of_endpoints_is_limited_too if {
	limited(fixture.endpoint_invoke)
	every dialect in ["openai.chat", "tgi", "openai.completions", "opaque"] {
		limited(object.union(fixture.endpoint_invoke, {"request": {"dialect": dialect}}))
	}
	not limited(fixture.kb_retrieve)
	not limited(fixture.api_call)
}

test_what_writes_no_text_is_not_limited if {
	every operation in ["CountTokens", "MessagesCountTokens", "Rerank"] {
		not limited(object.union(fixture.converse, {"api": {"operation": operation}}))
	}
	every dialect in ["embeddings", "image", "rerank"] {
		not limited(object.union(fixture.converse, {"request": {"dialect": dialect}}))
	}
	every dialect in ["embeddings", "image", "rerank", "text", "bytes"] {
		not limited(object.union(fixture.endpoint_invoke, {"request": {"dialect": dialect}}))
	}
}

test_body_that_looks_like_no_text_does_not_lift_the_limit_of_an_unknown_model if {
	document := object.union(invoking({"id": "arn", "kind": "imported_model"}), {"request": {"dialect": "embeddings"}})
	limited(document)
	limited(object.union(fixture.converse, {"request": {"dialect": "text"}}))
}

test_retired_model_is_denied_in_a_batch_job_too if {
	job := object.union(fixture.api_call, {"model": {"id": "anthropic.claude-v2:1"}})
	items := models.deny with input as job
		with data.retired_models as {"anthropic.claude-v2:1": "2025-07-21"}
	fixture.codes(items) == {"model_retired"}
	without := models.deny with input as fixture.api_call
		with data.retired_models as {"anthropic.claude-v2:1": "2025-07-21"}
	without == set()
}

test_other_actions_are_left_alone if {
	team := {"models": ["*"], "regions": ["*"], "max_tokens": 1}
	allowed := models.allow with input as fixture.other_action
		with data.teams as {"payments": team}
	allowed == set()
	denied_items := models.deny with input as fixture.other_action
		with data.retired_models as {sonnet: "2025-07-21"}
	denied_items == set()
	applied := models.apply with input as fixture.other_action
		with data.teams as {"payments": team}
	applied == set()
}
