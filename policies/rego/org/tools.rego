# METADATA
# title: Tools
# description: |
#   Which tools a team's models are offered, and which proposed calls go through. Arguments are checked against
#   the caller's own schema by Hardpan; the rules here add what an organisation forbids beyond it. No message
#   repeats an argument.
package policy.org.tools

team := data.teams[input.principal.team]

rules := data.tools[input.tool.name]

# A tool the team has no grant for is not even shown to the model. A team without a list keeps its tools in the
# request, but none of their calls is allowed.
apply contains {"drop_tools": names} if {
	input.action in {"model:invoke", "endpoint:invoke"}
	tools_listed
	names := ungranted
	count(names) > 0
}

tools_listed if {
	listed := team.tools
	not "*" in listed
}

ungranted := [name |
	some name in input.request.tools
	not name in team.tools
]

allow contains "tool_granted" if {
	input.action == "tool:use"
	declared
	args_valid
	granted
}

declared if input.tool.declared == true

args_valid if input.tool.args_valid == true

granted if "*" in team.tools

granted if input.tool.name in team.tools

# The name of an undeclared tool is the model's own text, so it is not repeated.
deny contains {
	"code": "tool_undeclared",
	"msg": "the model called a tool that the request did not declare",
	"severity": "high",
} if {
	input.action == "tool:use"
	not declared
}

deny contains {
	"code": "tool_not_granted",
	"msg": sprintf("tool %v is not granted to the caller's team", [input.tool.name]),
	"severity": "medium",
} if {
	input.action == "tool:use"
	declared
	not granted
}

# What the validator says may quote an argument, so only the fact is passed on.
deny contains {
	"code": "tool_args_invalid",
	"msg": "the arguments of the tool call do not match the schema the request declared",
	"severity": "medium",
} if {
	input.action == "tool:use"
	not args_sound
}

args_sound if {
	args_valid
	not args_faulty
}

args_faulty if count(input.tool.args_errors) > 0

deny contains {"code": "tool_arg_forbidden", "msg": problem, "severity": "high"} if {
	input.action == "tool:use"
	some problem in arg_problems
}

# data.tools.<name>.read_only: the tool takes one SELECT statement in `query`.
arg_problems contains sprintf("%v: only a single SELECT statement is allowed", [input.tool.name]) if {
	rules.read_only != false
	not reads_only
}

reads_only if {
	statement := lower(trim_space(query))
	startswith(statement, "select")
	not contains(statement, ";")
}

# data.tools.<name>.hosts: the tool takes a `url` on one of these hosts. A missing url is refused like a foreign one.
arg_problems contains sprintf("%v: the host is not allowed", [input.tool.name]) if {
	allowed := rules.hosts
	not url_within(allowed)
}

# The url is matched as text up to the end of its host, never taken apart: user names, ports, backslashes and white
# space that parsers disagree about then match no prefix. A port must be listed with its host.
url_within(hosts) if {
	target := concat("", [lower(url), "/"])
	strings.any_prefix_match(target, {prefix |
		some host in hosts
		some scheme in ["https://", "http://"]
		some delimiter in ["/", "?", "#"]
		prefix := concat("", [scheme, lower(host), delimiter])
	})
}

# data.tools.<name>.approval: who has to approve each call of the tool before the application sees it.
apply contains {"approval": rules.approval} if {
	input.action == "tool:use"
	declared
	granted
	is_object(rules.approval)
}

# What is written in any other way would leave the call without the approval that somebody meant it to have.
deny contains {
	"code": "tool_approval_unreadable",
	"msg": sprintf("data.tools.%v.approval is no object", [input.tool.name]),
	"severity": "high",
} if {
	input.action == "tool:use"
	declared
	rules.approval
	not is_object(rules.approval)
}

# Kept apart, so that an argument of another type is forbidden rather than an error.
query := input.tool.args.query if is_string(input.tool.args.query)

url := input.tool.args.url if is_string(input.tool.args.url)
