# METADATA
# title: Tests of exemptions
# description: Who an exemption covers and when it ends; which rules ask for one is tested beside those rules.
package lib.exempt_test

import data.lib.exempt
import data.lib.fixture_test as fixture

holds(exemption) if {
	exempt.active("model_retired") with input as fixture.converse
		with data.exemptions as {"model_retired": [exemption]}
}

test_exemption_of_the_callers_team_holds if {
	holds({"principal": {"team": "payments"}, "expires": fixture.now + 1})
}

test_everything_named_must_match if {
	holds({"principal": {"team": "payments", "app": "orders-bot", "env": "prod"}, "expires": fixture.now + 1})
	not holds({"principal": {"team": "payments", "app": "other"}, "expires": fixture.now + 1})
}

test_exemption_of_another_team_does_not_hold if {
	not holds({"principal": {"team": "search"}, "expires": fixture.now + 1})
}

test_exemption_ends_by_itself if {
	not holds({"principal": {"team": "payments"}, "expires": fixture.now})
	not holds({"principal": {"team": "payments"}, "expires": fixture.now - 1})
}

test_exemption_without_a_numeric_end_does_not_hold if {
	not holds({"principal": {"team": "payments"}})
	not holds({"principal": {"team": "payments"}, "expires": "2999-01-01"})
}

test_exemption_for_everybody_does_not_hold if {
	not holds({"principal": {}, "expires": fixture.now + 1})
	not holds({"principal": "payments", "expires": fixture.now + 1})
	not holds({"expires": fixture.now + 1})
}

test_claimed_user_cannot_be_exempt if {
	not holds({"principal": {"user": "u-17"}, "expires": fixture.now + 1})
	not holds({"principal": {"team": "payments", "user": "u-17"}, "expires": fixture.now + 1})
}

test_exemption_covers_its_own_code_only if {
	not exempt.active("secrets_in_prompt") with input as fixture.converse
		with data.exemptions as {"model_retired": [{"principal": {"team": "payments"}, "expires": fixture.now + 1}]}
}

test_nothing_is_exempt_without_data if {
	not exempt.active("model_retired") with input as fixture.converse
}

test_nothing_is_exempt_without_a_time if {
	not exempt.active("model_retired") with input as object.remove(fixture.converse, ["time"])
		with data.exemptions as {"model_retired": [{"principal": {"team": "payments"}, "expires": fixture.now + 1}]}
}
