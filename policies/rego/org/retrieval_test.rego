# METADATA
# title: Tests of the knowledge base grants
# description: What grants a knowledge base, and that one with tenants is searched for the caller's own alone.
package policy.org.retrieval_test

import data.lib.fixture_test as fixture
import data.policy.org.retrieval

granted(team, document) if {
	items := retrieval.allow with input as document
		with data.teams as {"payments": team}
	items == {"kb_granted"}
}

denied(bases, document) := codes if {
	items := retrieval.deny with input as document
		with data.knowledge_bases as bases
	codes := fixture.codes(items)
}

searching(id) := object.union(fixture.kb_retrieve, {"kb": {"id": id}})

test_listed_knowledge_base_is_granted if {
	every list in [["KB12345678"], ["KB*"], ["*"]] {
		granted({"knowledge_bases": list, "regions": ["us-east-1"]}, fixture.kb_retrieve)
	}
}

test_other_knowledge_base_is_not_granted if {
	every list in [[], ["KB00000000"], "KB12345678", null] {
		not granted({"knowledge_bases": list, "regions": ["*"]}, fixture.kb_retrieve)
	}
	not granted({"models": ["*"], "regions": ["*"]}, fixture.kb_retrieve)
}

test_regions_have_to_be_listed if {
	not granted({"knowledge_bases": ["*"]}, fixture.kb_retrieve)
	not granted({"knowledge_bases": ["*"], "regions": ["eu-west-1"]}, fixture.kb_retrieve)
}

test_nothing_is_granted_without_data if {
	items := retrieval.allow with input as fixture.kb_retrieve
	items == set()
	denied_items := retrieval.deny with input as fixture.kb_retrieve
	denied_items == set()
}

applied(bases, document) := items if {
	items := retrieval.apply with input as document
		with data.knowledge_bases as bases
}

by_tenant := {"tenant_filter": {"key": "tenant_id", "claim": "tenant"}}

claiming(claims) := object.union(fixture.kb_retrieve, {"principal": {"claims": claims}})

test_only_the_callers_tenant_is_found if {
	document := claiming({"tenant": "t-9"})
	expected := {"filter": {"equals": {"key": "tenant_id", "value": "t-9"}}}
	applied({"KB12345678": by_tenant}, document) == {expected}
	denied({"KB12345678": by_tenant}, document) == set()
}

test_unknown_tenant_is_refused if {
	every claims in [{"tenant": ""}, {"tenant": 9}] {
		applied({"KB12345678": by_tenant}, claiming(claims)) == set()
		denied({"KB12345678": by_tenant}, claiming(claims)) == {"tenant_unknown"}
	}
	other := {"tenant_filter": {"key": "tenant_id", "claim": "no_such_claim"}}
	denied({"KB12345678": other}, claiming({"tenant": "t-9"})) == {"tenant_unknown"}
}

test_misspelt_demand_is_refused if {
	every spec in [{"tenant_filter": true}, {"tenant_filter": "tenant"}, {"tenant_filter": null}, {"tenant_filter": {"key": "k"}}, true, "tenant"] {
		denied({"KB12345678": spec}, claiming({"tenant": "t-9"})) == {"tenant_unknown"}
	}
	every spec in [{}, {"tenant_filter": false}] {
		denied({"KB12345678": spec}, fixture.kb_retrieve) == set()
	}
	denied({"KB00000000": {"tenant_filter": true}}, fixture.kb_retrieve) == set()
}

test_callers_own_filter_does_not_replace_it if {
	document := object.union(claiming({"tenant": "t-9"}), {"kb": {"has_filter": true}})
	count(applied({"KB12345678": by_tenant}, document)) == 1
}

test_results_are_bounded if {
	applied({"KB12345678": {"max_results": 3}}, fixture.kb_retrieve) == {{"max_results": 3}}
}

test_arn_of_a_knowledge_base_is_the_same_one if {
	arn := "arn:aws:bedrock:us-east-1:123456789012:knowledge-base/KB12345678"
	denied({"KB12345678": {"tenant_filter": true}}, searching(arn)) == {"tenant_unknown"}
}

test_other_actions_are_left_alone if {
	every document in [fixture.other_action, fixture.converse, fixture.api_call] {
		tempting := object.union(document, {"kb": fixture.kb_retrieve.kb})
		not granted({"knowledge_bases": ["*"], "regions": ["*"]}, tempting)
		denied({"KB12345678": {"tenant_filter": true}}, tempting) == set()
		applied({"KB12345678": {"max_results": 3}}, tempting) == set()
	}
}
