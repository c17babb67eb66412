# METADATA
# title: Endpoint grants
# description: |
#   Which SageMaker endpoints and inference routers a team may invoke, and which of their components and models.
#   Without an entry in data.teams a team may invoke none. What a container does with the request is not known here.
package policy.org.endpoints

import data.lib.names

team := data.teams[input.principal.team]

allow contains "endpoint_granted" if {
	input.action == "endpoint:invoke"
	endpoint_granted
	region_granted
}

# A router and an endpoint may have the same name, so neither is granted by the other's list.
endpoint_granted if {
	input.endpoint.router == false
	names.granted(team.endpoints, input.endpoint.name)
}

endpoint_granted if {
	input.endpoint.router == true
	names.granted(team.inference_routers, input.endpoint.name)
}

region_granted if "*" in team.regions

region_granted if input.api.region in team.regions

# Lists that narrow a grant: without one any component, variant or model of a granted endpoint may be named.
deny contains {
	"code": "endpoint_part_not_granted",
	"msg": sprintf("the %v named for endpoint %v is not granted to the caller's team", [part, input.endpoint.name]),
	"severity": "medium",
} if {
	input.action == "endpoint:invoke"
	some part, key in {"component": "components", "variant": "variants", "target_model": "target_models"}
	listed := team[key]
	name := input.endpoint[part]
	not names.granted(listed, name)
}
