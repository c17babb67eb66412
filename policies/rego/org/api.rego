# METADATA
# title: Other operations
# description: |
#   Which operations a team may call that are neither a model's nor an endpoint's nor a knowledge base's: agents, flows,
#   sessions, memories, batch jobs, look-ups. Without an entry in data.teams a team may call none. An operation that
#   hands out somebody's secrets has to be granted by its full name, and a call that names a model needs that model
#   granted as well.
package policy.org.api

import data.lib.names
import data.policy.org.models

team := data.teams[input.principal.team]

allow contains "operation_granted" if {
	input.action == "api:call"
	operation_granted
	region_granted
	model_within
}

# An operation is listed by its name, or by its service and its name: "bedrock-agentcore.GetEvent".
operation_names contains name if name := input.api.operation

operation_names contains name if name := concat(".", [input.api.service, input.api.operation])

operation_granted if {
	some name in operation_names
	name in team.operations
}

operation_granted if {
	not hands_out_secrets
	some name in operation_names
	names.granted(team.operations, name)
}

# Looking up what there is, without a word of anybody's conversation in it.
operation_granted if {
	data.settings.allow_look_ups == true
	is_object(team)
	input.api.inspected == false
	input.api.operation in look_ups
}

look_ups := {
	"GetAsyncInvoke",
	"GetFoundationModel",
	"GetInferenceProfile",
	"GetModelInvocationJob",
	"ListAsyncInvokes",
	"ListFoundationModels",
	"ListInferenceProfiles",
	"ListModelInvocationJobs",
	"ListModels",
}

hands_out_secrets if {
	input.api.operation in {
		"CompleteResourceTokenAuth",
		"GetResourceApiKey",
		"GetResourceOauth2Token",
		"GetResourcePaymentToken",
		"GetWorkloadAccessToken",
		"GetWorkloadAccessTokenForJWT",
		"GetWorkloadAccessTokenForUserId",
	}
}

region_granted if "*" in team.regions

region_granted if input.api.region in team.regions

model_within if not names_model

model_within if models.model_granted

names_model if input.model

# data.teams.<team>.resources.<member of the path>: what may stand there.
deny contains {
	"code": "resource_not_granted",
	"msg": sprintf("the %v named is not granted to the caller's team", [member]),
	"severity": "medium",
} if {
	input.action == "api:call"
	some member, name in resource
	fenced(member)
	not resource_granted(member, name)
}

resource := input.api.resource if is_object(input.api.resource)

fenced(member) if team.resources[member] != null

# Resources of another shape fence everything in.
fenced(member) if {
	member != ""
	fence := team.resources
	not is_object(fence)
}

resource_granted(member, name) if names.granted(team.resources[member], name)
