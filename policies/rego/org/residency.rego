# METADATA
# title: Data residency
# description: |
#   Where a request may be processed. A cross-Region profile (`us.`, `eu.`, `global.`) names a geography, an ARN a
#   Region. Both are checked only here; the Region of the endpoint itself is a grant in models.rego.
package policy.org.residency

team := data.teams[input.principal.team]

deny contains {
	"code": "geography_not_allowed",
	"msg": sprintf("data of the caller's team may not be sent to geography %v", [input.model.scope]),
	"severity": "high",
} if {
	input.action in {"model:invoke", "api:call"}
	geographies := team.geographies
	input.model.scope
	not geography_within(geographies)
}

# "*" means every single geography. `global` may leave all of them, so it has to be named.
geography_within(geographies) if input.model.scope in geographies

geography_within(geographies) if {
	"*" in geographies
	input.model.scope != "global"
}

# These kinds hide the profile behind them, so a team with geographies needs them granted one by one.
deny contains {
	"code": "geography_unknown",
	"msg": "the model id does not say in which geography data would be processed",
	"severity": "high",
} if {
	input.action in {"model:invoke", "api:call"}
	geographies := team.geographies
	input.model.kind in {"application_inference_profile", "prompt", "prompt_router"}
	not geographies_unbounded(geographies)
	not input.model.id in team.models
}

geographies_unbounded(geographies) if {
	"*" in geographies
	"global" in geographies
}

# data.teams.<team>.arn_regions: further Regions an ARN may name.
deny contains {
	"code": "arn_region_mismatch",
	"msg": sprintf("the model is named in Region %v, which is not the endpoint's", [input.model.region]),
	"severity": "high",
} if {
	input.action in {"model:invoke", "api:call"}
	input.model.region
	not region_matches
}

region_matches if input.model.region == input.api.region

region_matches if input.model.region in team.arn_regions

region_matches if "*" in team.arn_regions
