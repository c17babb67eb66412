# METADATA
# title: Model grants
# description: |
#   Which models a team may invoke, and in which Regions; how much they and endpoints may write. Without an entry in
#   data.teams a team may invoke nothing. Where a cross-Region profile may process data is residency.rego's question,
#   not asked here.
package policy.org.models

import data.lib.exempt

team := data.teams[input.principal.team]

allow contains "model_granted" if {
	input.action == "model:invoke"
	model_granted
	region_granted
}

model_granted if "*" in team.models

model_granted if input.model.id in team.models

# The ARN of a foundation model says the same as its id, and a Region too.
model_granted if {
	input.model.kind == "foundation_model"
	split(input.model.id, ":foundation-model/")[1] in team.models
	arn_region_granted
}

arn_region_granted if "*" in team.regions

arn_region_granted if input.model.region in team.regions

# A family stands for the provider's own models. Whatever else carries such a name (a model trained from one, an
# id that hides its base) has to be granted by its exact id.
model_granted if {
	input.model.kind in {"foundation_model", "inference_profile"}
	input.model.family != ""
	input.model.family in team.model_families
}

region_granted if "*" in team.regions

region_granted if input.api.region in team.regions

deny contains {
	"code": "model_retired",
	"msg": sprintf("model %v was retired on %v", [input.model.id, date]),
	"severity": "medium",
} if {
	input.action in {"model:invoke", "api:call"}
	some name in model_names
	date := data.retired_models[name]
	not exempt.active("model_retired")
}

# Retiring a model retires its ARN and its cross-Region profiles with it.
model_names contains name if name := input.model.id

model_names contains name if name := profile_or_base

model_names contains name if {
	prefix := concat("", [input.model.scope, "."])
	name := trim_prefix(profile_or_base, prefix)
}

profile_or_base := part if {
	parts := split(input.model.id, "/")
	part := parts[count(parts) - 1]
}

apply contains {"max_tokens": limit} if {
	input.action in {"model:invoke", "endpoint:invoke"}
	not writes_nothing
	limit := team.max_tokens
}

# Counting, ranking and embedding write no text, so a body for them has no place for a limit.
writes_nothing if input.api.operation in {"CountTokens", "MessagesCountTokens", "Rerank"}

# Only where the model is known to take such bodies: a caller could write one that looks like it for any other.
writes_nothing if {
	input.model.provider != ""
	input.request.dialect in {"embeddings", "image", "rerank"}
}

# A container that is sent rows or bytes decides for itself how much it answers.
writes_nothing if {
	input.action == "endpoint:invoke"
	input.request.dialect in {"bytes", "embeddings", "image", "rerank", "text"}
}
