# METADATA
# title: Tests of the tool rules
# description: Which tools are offered and which calls pass, with arguments that try to slip by.
package policy.org.tools_test

import data.lib.fixture_test as fixture
import data.policy.org.tools

# Offering.

offered(team) := items if {
	items := tools.apply with input as fixture.converse
		with data.teams as {"payments": team}
}

test_ungranted_tools_are_not_offered if {
	offered({"tools": ["get_weather"]}) == {{"drop_tools": ["db_query", "http_get"]}}
	offered({"tools": []}) == {{"drop_tools": ["get_weather", "db_query", "http_get"]}}
}

test_ungranted_tools_are_not_offered_to_an_endpoint if {
	items := tools.apply with input as fixture.endpoint_invoke
		with data.teams as {"payments": {"tools": ["db_query"]}}
	items == {{"drop_tools": ["get_weather"]}}
}

test_call_an_endpoint_proposes_needs_no_model if {
	allowed({"tools": ["db_query"]}, object.remove(fixture.tool_use, ["model"]))
}

test_granted_tools_stay if {
	offered({"tools": ["get_weather", "db_query", "http_get", "more"]}) == set()
	offered({"tools": ["*"]}) == set()
}

test_tools_stay_where_the_team_has_no_list if {
	offered({}) == set()
	items := tools.apply with input as fixture.converse
	items == set()
}

test_list_of_the_wrong_shape_offers_nothing if {
	offered({"tools": "get_weather"}) == {{"drop_tools": ["get_weather", "db_query", "http_get"]}}
}

# Calls.

calling(facts) := object.union(fixture.tool_use, {"tool": facts})

allowed(team, document) if {
	items := tools.allow with input as document
		with data.teams as {"payments": team}
	items == {"tool_granted"}
}

denied(document, rules) := codes if {
	items := tools.deny with input as document
		with data.teams as {"payments": {"tools": ["*"]}}
		with data.tools as rules
	codes := fixture.codes(items)
}

test_granted_call_passes if {
	allowed({"tools": ["db_query"]}, fixture.tool_use)
	allowed({"tools": ["*"]}, fixture.tool_use)
	denied(fixture.tool_use, {}) == set()
}

denied_as_ungranted(team) if {
	not allowed(team, fixture.tool_use)
	items := tools.deny with input as fixture.tool_use
		with data.teams as {"payments": team}
	fixture.codes(items) == {"tool_not_granted"}
}

test_ungranted_call_is_denied if {
	every team in [{"tools": ["get_weather"]}, {"tools": []}, {"tools": "db_query"}, {"tools": ["db_*"]}, {}] {
		denied_as_ungranted(team)
	}
}

test_every_call_is_denied_without_data if {
	items := tools.allow with input as fixture.tool_use
	items == set()
	denied_items := tools.deny with input as fixture.tool_use
	fixture.codes(denied_items) == {"tool_not_granted"}
}

without_fact(fact) := object.union(
	object.remove(fixture.tool_use, ["tool"]),
	{"tool": object.remove(fixture.tool_use.tool, [fact])},
)

denied_as_undeclared(document) if {
	not allowed({"tools": ["*"]}, document)
	denied(document, {}) == {"tool_undeclared"}
}

test_undeclared_call_is_denied if {
	denied_as_undeclared(calling({"declared": false}))
	denied_as_undeclared(calling({"declared": "true"}))
	denied_as_undeclared(without_fact("declared"))
}

test_undeclared_name_is_not_repeated if {
	items := tools.deny with input as calling({"declared": false, "name": "ssn_078_05_1120"})
	every item in items {
		not contains(item.msg, "078")
	}
}

test_invalid_arguments_are_denied if {
	not allowed({"tools": ["*"]}, calling({"args_valid": false}))
	denied(calling({"args_valid": false, "args_errors": ["x"]}), {}) == {"tool_args_invalid"}
	denied(calling({"args_valid": false}), {}) == {"tool_args_invalid"}
	denied(calling({"args_errors": ["x"]}), {}) == {"tool_args_invalid"}
}

test_validator_text_is_not_repeated if {
	items := tools.deny with input as calling({"args_valid": false, "args_errors": ["\"078-05-1120\" is not a number"]})
	every item in items {
		not contains(item.msg, "078")
	}
}

test_undeclared_call_is_told_nothing_about_grants if {
	items := tools.deny with input as calling({"declared": false})
		with data.teams as {"payments": {"tools": []}}
	fixture.codes(items) == {"tool_undeclared"}
}

# Read-only queries.

querying(query) := calling({"args": {"query": query}})

read_only := {"db_query": {"read_only": true}}

test_select_passes if {
	every query in ["select 1", "SELECT status FROM orders", " \n\tSelect 1 "] {
		denied(querying(query), read_only) == set()
	}
}

test_anything_but_one_select_is_forbidden if {
	every query in [
		"delete from orders",
		"",
		"with x as (select 1) delete from y",
		"select 1; drop table orders",
		"select 1;",
		"/* */ select 1",
		"--\nselect 1",
		"(select 1)",
	] {
		denied(querying(query), read_only) == {"tool_arg_forbidden"}
	}
}

test_query_that_is_no_text_is_forbidden if {
	every query in [null, 5, true, ["select 1"], {"select": 1}] {
		denied(querying(query), read_only) == {"tool_arg_forbidden"}
	}
}

test_missing_query_is_forbidden if {
	denied(without_fact("args"), read_only) == {"tool_arg_forbidden"}
	empty := object.union(without_fact("args"), {"tool": {"args": {}}})
	denied(empty, read_only) == {"tool_arg_forbidden"}
}

test_tools_without_the_rule_take_any_query if {
	denied(querying("delete from orders"), {"db_query": {"read_only": false}}) == set()
	denied(querying("delete from orders"), {"db_query": {}}) == set()
	denied(querying("delete from orders"), {"other": {"read_only": true}}) == set()
}

# Hosts.

fetching(args) := object.union(without_fact("args"), {"tool": {"name": "http_get", "args": args}})

egress := {"http_get": {"hosts": ["Api.example.com", "intern.example:8443"]}}

test_listed_host_passes if {
	every url in [
		"https://api.example.com",
		"https://api.example.com/",
		"HTTPS://API.EXAMPLE.COM/Orders/7",
		"https://api.example.com?q=1",
		"https://api.example.com#top",
		"http://intern.example:8443/x",
	] {
		denied(fetching({"url": url}), egress) == set()
	}
}

test_other_host_is_forbidden if {
	every url in [
		"https://evil.example",
		"https://api.example.com.evil.example/",
		"https://api.example.com@evil.example/",
		"https://api.example.com:443@evil.example/",
		"https://user@api.example.com/",
		"https://api.example.com:8080/",
		"https://intern.example/",
		"https://api.example.com\\@evil.example/",
		"https:\\\\api.example.com/",
		"https:///api.example.com/",
		"https://api.example.com\t.evil.example/",
		" https://api.example.com/",
		"//api.example.com/",
		"api.example.com",
		"ftp://api.example.com/",
		"file:///etc/passwd",
		"https://evil.example/https://api.example.com/",
		"https://api.example.com%2eevil.example/",
		"",
	] {
		denied(fetching({"url": url}), egress) == {"tool_arg_forbidden"}
	}
}

test_missing_url_is_forbidden if {
	every args in [
		{},
		{"uri": "https://api.example.com/"},
		{"url": null},
		{"url": 5},
		{"url": ["https://api.example.com/"]},
	] {
		denied(fetching(args), egress) == {"tool_arg_forbidden"}
	}
}

test_empty_host_list_forbids_every_host if {
	denied(fetching({"url": "https://api.example.com/"}), {"http_get": {"hosts": []}}) == {"tool_arg_forbidden"}
}

test_any_host_passes_where_none_is_configured if {
	denied(fetching({"url": "https://anywhere.example/"}), {}) == set()
	denied(fetching({}), {"http_get": {}}) == set()
}

# Approval.

approved_by := {"approvers": ["security"], "reason": "writes to the ledger", "ttl_s": 600}

applied(rules) := items if {
	items := tools.apply with input as fixture.tool_use
		with data.teams as {"payments": {"tools": ["*"]}}
		with data.tools as rules
}

test_a_call_waits_for_those_the_data_names if {
	applied({"db_query": {"approval": approved_by}}) == {{"approval": approved_by}}
	applied({"db_query": {"read_only": true}}) == set()
	applied({"other": {"approval": approved_by}}) == set()
}

test_a_call_without_a_grant_is_put_to_nobody if {
	items := tools.apply with input as fixture.tool_use
		with data.teams as {"payments": {"tools": ["http_get"]}}
		with data.tools as {"db_query": {"approval": approved_by}}
	items == set()
}

test_an_approval_that_is_no_object_is_forbidden if {
	every approval in ["security", ["security"], true, 1] {
		rules := {"db_query": {"approval": approval}}
		denied(querying("select 1"), rules) == {"tool_approval_unreadable"}
		applied(rules) == set()
	}
}

test_other_actions_are_left_alone if {
	items := tools.deny with input as fixture.other_action
		with data.tools as read_only
	items == set()
	allowed_items := tools.allow with input as fixture.other_action
		with data.teams as {"payments": {"tools": ["*"]}}
	allowed_items == set()
	applied_items := tools.apply with input as fixture.other_action
		with data.teams as {"payments": {"tools": []}}
	applied_items == set()
}

test_a_call_under_another_action_is_not_judged if {
	document := object.union(querying("delete from orders"), {"action": "tool:result"})
	denied(document, read_only) == set()
	not allowed({"tools": ["*"]}, document)
	items := tools.deny with input as document
	items == set()
}

test_a_request_is_not_judged_as_a_call if {
	items := tools.deny with input as fixture.converse
		with data.teams as {"payments": {"tools": []}}
	items == set()
	allowed_items := tools.allow with input as fixture.converse
		with data.teams as {"payments": {"tools": ["*"]}}
	allowed_items == set()
}
