# METADATA
# title: Knowledge base grants
# description: |
#   Which knowledge bases a team may search. Rules can not write a filter into a request yet, so a knowledge base
#   whose data demands one by tenant is refused rather than searched without it. The model that answers from what was
#   found is a question of its own, for models.rego.
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

deny contains {
	"code": "tenant_filter_unenforceable",
	"msg": "the knowledge base has to be filtered by tenant, which is not possible here",
	"severity": "high",
} if {
	input.action == "kb:retrieve"
	tenant_filter_demanded
}

# data.knowledge_bases.<id>.tenant_filter: what is found has to be the caller's tenant's own.
tenant_filter_demanded if {
	some name in kb_names
	spec := data.knowledge_bases[name]
	demands(spec)
}

demands(spec) if spec.tenant_filter != false

# An entry nothing can be read from might have demanded it.
demands(spec) if not is_object(spec)

# An ARN names the same knowledge base as the id at its end.
kb_names contains name if name := input.kb.id

kb_names contains name if {
	is_string(input.kb.id)
	parts := split(input.kb.id, "/")
	name := parts[count(parts) - 1]
}
