# METADATA
# title: Knowledge base grants
# description: |
#   Which knowledge bases a team may search, and what of them: where data.knowledge_bases demands it, only what is
#   marked with the caller's own tenant is found, whatever filter the caller sends beside it. A tenant that is not
#   known for certain is refused. The model that answers from what was found is a question of its own, for models.rego.
package policy.org.retrieval

import data.lib.names

team := data.teams[input.principal.team]

allow contains "kb_granted" if {
	input.action == "kb:retrieve"
	kb_granted
	region_granted
}

kb_granted if names.granted(team.knowledge_bases, input.kb.id)

region_granted if "*" in team.regions

region_granted if input.api.region in team.regions

# data.knowledge_bases.<id>.tenant_filter: {"key": "…", "claim": "…"}. Of what is indexed only that is found whose
# metadata has the caller's claim under the key.
apply contains {"filter": {"equals": {"key": key, "value": tenant}}} if {
	input.action == "kb:retrieve"
	some spec in tenant_filters
	key := attribute(spec)
	tenant := claimed(spec)
}

# Without this, a missing claim or a misspelt demand would silently drop the filter above.
deny contains {
	"code": "tenant_unknown",
	"msg": "the knowledge base is filtered by tenant, and the caller's tenant is not known",
	"severity": "high",
} if {
	input.action == "kb:retrieve"
	some spec in tenant_filters
	not filterable(spec)
}

# The filter's two parts have to be there together.
filterable(spec) if {
	attribute(spec)
	claimed(spec)
}

attribute(spec) := spec.key if {
	is_string(spec.key)
	spec.key != ""
}

claimed(spec) := tenant if {
	is_string(spec.claim)
	tenant := input.principal.claims[spec.claim]
	is_string(tenant)
	tenant != ""
}

# data.knowledge_bases.<id>.max_results: no more is found at once.
apply contains {"max_results": limit} if {
	input.action == "kb:retrieve"
	some name in kb_names
	limit := data.knowledge_bases[name].max_results
}

tenant_filters contains spec if {
	some name in kb_names
	spec := data.knowledge_bases[name].tenant_filter
	spec != false
}

# An entry nothing can be read from might have demanded it.
tenant_filters contains null if {
	some name in kb_names
	entry := data.knowledge_bases[name]
	not is_object(entry)
}

# An ARN names the same knowledge base as the id at its end.
kb_names contains name if name := input.kb.id

kb_names contains name if {
	is_string(input.kb.id)
	parts := split(input.kb.id, "/")
	name := parts[count(parts) - 1]
}
