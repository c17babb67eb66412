# METADATA
# title: Tests of the knowledge base grants
# description: What grants a knowledge base, and that one with tenants is refused while it cannot be filtered.
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

test_tenant_filter_that_cannot_be_made_is_refused if {
	every spec in [{"tenant_filter": true}, {"tenant_filter": "tenant"}, {"tenant_filter": null}, true, "tenant"] {
		denied({"KB12345678": spec}, fixture.kb_retrieve) == {"tenant_filter_unenforceable"}
	}
	every spec in [{}, {"tenant_filter": false}] {
		denied({"KB12345678": spec}, fixture.kb_retrieve) == set()
	}
	denied({"KB00000000": {"tenant_filter": true}}, fixture.kb_retrieve) == set()
}

test_callers_own_filter_does_not_replace_it if {
	document := object.union(fixture.kb_retrieve, {"kb": {"has_filter": true}})
	denied({"KB12345678": {"tenant_filter": true}}, document) == {"tenant_filter_unenforceable"}
}

test_arn_of_a_knowledge_base_is_the_same_one if {
	arn := "arn:aws:bedrock:us-east-1:123456789012:knowledge-base/KB12345678"
	denied({"KB12345678": {"tenant_filter": true}}, searching(arn)) == {"tenant_filter_unenforceable"}
}

test_other_actions_are_left_alone if {
	every document in [fixture.other_action, fixture.converse, fixture.api_call] {
		tempting := object.union(document, {"kb": fixture.kb_retrieve.kb})
		not granted({"knowledge_bases": ["*"], "regions": ["*"]}, tempting)
		denied({"KB12345678": {"tenant_filter": true}}, tempting) == set()
	}
}
