# METADATA
# title: Tests of what findings mean
# description: Masking, secrets, injection and the choice of a Bedrock guardrail, with and without settings.
package policy.org.guardrails_test

import data.lib.fixture_test as fixture
import data.policy.org.guardrails

with_signals(signals) := object.union(fixture.converse, {"signals": signals})

applied(signals, settings) := items if {
	items := guardrails.apply with input as with_signals(signals)
		with data.settings as settings
}

denied(signals, settings) := codes if {
	items := guardrails.deny with input as with_signals(signals)
		with data.settings as settings
	codes := fixture.codes(items)
}

warned(signals, settings) := codes if {
	items := guardrails.warn with input as with_signals(signals)
		with data.settings as settings
	codes := fixture.codes(items)
}

redact(types) := {{"redact": {"types": types, "where": ["request"], "mode": "mask"}}}

secret_types := {"AWS_ACCESS_KEY", "AWS_SECRET_KEY", "API_KEY", "JWT", "PRIVATE_KEY", "PASSWORD"}

# Masking.

test_everything_found_is_masked_without_data if {
	items := guardrails.apply with input as with_signals({"pii": {"EMAIL": 2}})
	items == redact("*")
}

test_secrets_alone_are_masked if {
	applied({"secrets": 1}, {}) == redact("*")
}

test_nothing_found_nothing_masked if {
	applied({}, {}) == set()
	applied({"pii": {"EMAIL": 0}}, {}) == set()
}

test_list_narrows_what_is_masked if {
	found := {"pii": {"EMAIL": 1, "PHONE": 1, "IP_ADDRESS": 3}}
	applied(found, {"redact_types": ["PHONE", "EMAIL", "UNHEARD_OF"]}) == redact(["EMAIL", "PHONE"])
	applied(found, {"redact_types": ["US_SOCIAL_SECURITY_NUMBER"]}) == set()
}

test_list_does_not_spare_secrets if {
	found := {"pii": {"EMAIL": 1}, "secrets": 2}
	applied(found, {"redact_types": []}) == redact(sort(secret_types))
	applied(found, {"redact_types": ["EMAIL"]}) == redact(sort(secret_types | {"EMAIL"}))
}

test_setting_that_is_no_list_masks_everything if {
	applied({"pii": {"EMAIL": 1}}, {"redact_types": "PHONE"}) == redact("*")
	applied({"pii": {"EMAIL": 1}}, {"redact_types": ["*"]}) == redact("*")
	applied({"pii": {"EMAIL": 1}}, {"redact_types": false}) == redact("*")
}

test_mode_and_places_are_passed_on if {
	found := {"pii": {"EMAIL": 1}}
	applied(found, {"redact_mode": "token"}) == {{"redact": {"types": "*", "where": ["request"], "mode": "token"}}}
	everywhere := ["request", "response", "tool"]
	applied(found, {"redact_where": everywhere}) == {{"redact": {"types": "*", "where": everywhere, "mode": "mask"}}}
}

test_beyond_the_request_what_is_listed_is_hidden_though_nothing_is_found if {
	settings := {"redact_where": ["request", "response"], "redact_types": ["PHONE"], "redact_mode": "label"}
	expected := {"types": sort(secret_types | {"PHONE"}), "where": ["request", "response"], "mode": "label"}
	applied({"pii": {}, "secrets": 0}, settings) == {{"redact": expected}}
	all := {"types": "*", "where": ["response"], "mode": "mask"}
	applied({"pii": {}, "secrets": 0}, {"redact_where": ["response"]}) == {{"redact": all}}
}

# The obligation cannot be read then, and what cannot be read is refused.
test_mode_that_is_none_is_not_taken_for_another if {
	found := {"pii": {"EMAIL": 1}}
	every mode in ["maks", false, ["drop"]] {
		applied(found, {"redact_mode": mode}) == {{"redact": {"types": "*", "where": ["request"], "mode": mode}}}
	}
	every places in ["response", false, []] {
		applied(found, {"redact_where": places}) == {{"redact": {"types": "*", "where": places, "mode": "mask"}}}
	}
}

test_findings_are_masked_in_every_kind_of_request if {
	every document in fixture.requests {
		items := guardrails.apply with input as object.union(document, {"signals": {"pii": {"EMAIL": 1}}})
		items == redact("*")
	}
}

test_arguments_of_a_tool_call_are_not_masked if {
	items := guardrails.apply with input as object.union(fixture.tool_use, {"signals": {"pii": {"EMAIL": 1}}})
	items == set()
}

# Secrets.

test_secrets_are_denied_in_every_kind_of_request if {
	every document in fixture.requests {
		items := guardrails.deny with input as object.union(document, {"signals": {"secrets": 1}})
			with data.settings as {"secrets": "deny"}
		fixture.codes(items) == {"secrets_in_prompt"}
	}
}

test_secrets_are_not_denied_by_default if {
	denied({"secrets": 1}, {}) == set()
	denied({"secrets": 1}, {"secrets": "mask"}) == set()
}

test_secrets_are_denied_when_set if {
	denied({"secrets": 1}, {"secrets": "deny"}) == {"secrets_in_prompt"}
	denied({"secrets": 0}, {"secrets": "deny"}) == set()
}

test_unknown_secrets_setting_denies if {
	denied({"secrets": 1}, {"secrets": "dney"}) == {"secrets_in_prompt"}
	denied({"secrets": 1}, {"secrets": false}) == {"secrets_in_prompt"}
}

test_exempt_secrets_are_still_masked if {
	document := with_signals({"secrets": 1})
	exemptions := {"secrets_in_prompt": [{"principal": {"app": "orders-bot"}, "expires": fixture.now + 60}]}
	items := guardrails.deny with input as document
		with data.settings as {"secrets": "deny"}
		with data.exemptions as exemptions
	items == set()
	masked := guardrails.apply with input as document
		with data.settings as {"secrets": "deny"}
		with data.exemptions as exemptions
	masked == redact("*")
}

# Injection.

test_injection_is_denied_and_warned_of_in_every_kind_of_request if {
	every document in fixture.requests {
		items := guardrails.deny with input as object.union(document, {"signals": {"injection": 0.8}})
		fixture.codes(items) == {"injection_suspected"}
		warnings := guardrails.warn with input as object.union(document, {"signals": {"injection": 0.5}})
		fixture.codes(warnings) == {"injection_possible"}
	}
}

test_injection_is_denied_from_the_default_threshold_without_data if {
	at := guardrails.deny with input as with_signals({"injection": 0.8})
	fixture.codes(at) == {"injection_suspected"}
	below := guardrails.deny with input as with_signals({"injection": 0.79})
	below == set()
}

test_injection_threshold_can_be_set if {
	denied({"injection": 0.6}, {"injection_deny_at": 0.6}) == {"injection_suspected"}
	denied({"injection": 0.9}, {"injection_deny_at": 0.95}) == set()
}

test_threshold_that_is_no_number_counts_as_not_set if {
	denied({"injection": 0.9}, {"injection_deny_at": "0.8"}) == {"injection_suspected"}
	warned({"injection": 0.6}, {"injection_warn_at": "0.5"}) == {"injection_possible"}
}

test_detect_warns_where_it_would_deny if {
	denied({"injection": 1}, {"injection": "detect"}) == set()
	warned({"injection": 1}, {"injection": "detect"}) == {"injection_possible"}
}

test_unknown_injection_setting_denies if {
	denied({"injection": 1}, {"injection": "off"}) == {"injection_suspected"}
}

test_possible_injection_is_warned_of if {
	warned({"injection": 0.5}, {}) == {"injection_possible"}
	warned({"injection": 0.49}, {}) == set()
	warned({"injection": 0.3}, {"injection_warn_at": 0.3}) == {"injection_possible"}
}

test_denied_injection_is_not_warned_of_as_well if {
	warned({"injection": 0.9}, {}) == set()
}

test_exempt_injection_is_warned_of if {
	exemptions := {"injection_suspected": [{"principal": {"team": "payments"}, "expires": fixture.now + 60}]}
	document := with_signals({"injection": 1})
	denied_items := guardrails.deny with input as document
		with data.exemptions as exemptions
	denied_items == set()
	warned_items := guardrails.warn with input as document
		with data.exemptions as exemptions
	fixture.codes(warned_items) == {"injection_possible"}
}

# Bedrock Guardrails.

chosen(team, configured) := items if {
	items := guardrails.apply with input as fixture.converse
		with data.teams as {"payments": team}
		with data.guardrails as configured
}

refused(team, configured) := codes if {
	items := guardrails.deny with input as fixture.converse
		with data.teams as {"payments": team}
		with data.guardrails as configured
	codes := fixture.codes(items)
}

internal := {"id": "gr-int", "version": "5"}

strict := {"id": "gr-strict", "version": "2"}

test_guardrail_of_the_data_class_is_attached if {
	configured := {"default": internal, "restricted": strict}
	chosen({"data_class": "restricted"}, configured) == {{"guardrail": strict}}
	refused({"data_class": "restricted"}, configured) == set()
}

test_default_guardrail_is_attached_otherwise if {
	chosen({"data_class": "public"}, {"default": internal, "restricted": strict}) == {{"guardrail": internal}}
	chosen({}, {"default": internal, "restricted": strict}) == {{"guardrail": internal}}
}

attached(document, configured) := items if {
	items := guardrails.apply with input as document
		with data.guardrails as configured
}

test_guardrail_is_attached_where_there_is_a_place_for_it if {
	attached(fixture.kb_retrieve, {"default": internal}) == {{"guardrail": internal}}
	every document in [fixture.endpoint_invoke, fixture.api_call, fixture.tool_use] {
		attached(document, {"default": internal}) == set()
	}
	every operation in ["CountTokens", "MessagesCountTokens"] {
		attached(object.union(fixture.converse, {"api": {"operation": operation}}), {"default": internal}) == set()
	}
}

test_no_guardrail_without_configuration if {
	items := guardrails.apply with input as fixture.converse
		with data.teams as {"payments": {"data_class": "restricted"}}
	items == set()
	denied_items := guardrails.deny with input as fixture.converse
		with data.teams as {"payments": {"data_class": "restricted"}}
	denied_items == set()
	chosen({}, {"restricted": strict}) == set()
	refused({}, {"restricted": strict}) == set()
}

test_data_class_without_its_guardrail_is_refused if {
	refused({"data_class": "restricted"}, {"public": internal}) == {"guardrail_missing"}
}

test_guardrail_that_cannot_be_attached_is_refused if {
	every configured in [
		{"default": {"id": "gr-int"}},
		{"default": {"id": "", "version": "5"}},
		{"default": "gr-int"},
		{"default": {"id": "gr-int", "version": 5}},
		{"default": {"id": 5, "version": "5"}},
		{"default": {"id": "gr-int", "version": ""}},
		{"default": false},
	] {
		chosen({}, configured) == set()
		refused({}, configured) == {"guardrail_unusable"}
	}
}

test_only_id_and_version_are_passed_on if {
	chosen({}, {"default": object.union(internal, {"owner": "security"})}) == {{"guardrail": internal}}
}

test_other_actions_are_left_alone if {
	denied_items := guardrails.deny with input as fixture.other_action
		with data.settings as {"secrets": "deny"}
		with data.guardrails as {"default": {}}
	denied_items == set()
	missing_items := guardrails.deny with input as fixture.other_action
		with data.teams as {"payments": {"data_class": "restricted"}}
		with data.guardrails as {"public": internal}
	missing_items == set()
	warned_items := guardrails.warn with input as fixture.other_action
		with data.settings as {"injection": "detect"}
	warned_items == set()
	applied_items := guardrails.apply with input as fixture.other_action
		with data.guardrails as {"default": internal}
	applied_items == set()
}
