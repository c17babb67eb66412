# METADATA
# title: Baseline
# description: |
#   What must hold for every request, whatever a team was granted: a verified caller, a request that was read and
#   inspected, content that is in the request, tools that can be governed, a bounded size. It grants nothing, and a
#   fact that is missing is refused like a bad one.
package policy.org.baseline

import data.lib.exempt

team := data.teams[input.principal.team]

deny contains {
	"code": "principal_unverified",
	"msg": "the caller could not be verified",
	"severity": "critical",
} if {
	input.action in {"model:invoke", "endpoint:invoke", "kb:retrieve", "api:call", "tool:use"}
	not verified
}

verified if {
	some method in methods
	is_string(method)
	method != ""
}

methods := input.principal.verified if is_array(input.principal.verified)

deny contains {
	"code": "request_unparsed",
	"msg": "the request body was not understood",
	"severity": "high",
} if {
	input.action in {"model:invoke", "endpoint:invoke", "kb:retrieve", "api:call"}
	body_expected
	not parsed
	not opaque_bodies_granted
}

# Of the operations without a question of their own, some have no body to read.
body_expected if input.action != "api:call"

body_expected if not body_declined

body_expected if input.request

body_declined if input.api.inspected == false

parsed if input.request.parsed == true

# data.teams.<team>.opaque_bodies: bodies that are neither JSON nor text may pass unread.
opaque_bodies_granted if team.opaque_bodies == true

deny contains {
	"code": "request_uninspected",
	"msg": "the request was not inspected",
	"severity": "high",
} if {
	input.action in {"model:invoke", "endpoint:invoke", "kb:retrieve", "api:call"}
	not inspected
}

inspected if {
	is_number(input.signals.secrets)
	is_number(input.signals.injection)
}

# What stands in S3 or behind a URL reaches the model unread.
deny contains {
	"code": "content_elsewhere",
	"msg": "the request points at content outside of it, which cannot be inspected",
	"severity": "high",
} if {
	input.action in {"model:invoke", "endpoint:invoke", "kb:retrieve", "api:call"}
	not content_within
	not content_elsewhere_granted
}

content_within if {
	input.action != "api:call"
	input.request.content_elsewhere == false
}

content_within if {
	input.action == "api:call"
	input.api.content_elsewhere == false
	not request_points_elsewhere
}

request_points_elsewhere if input.request.content_elsewhere != false

# data.teams.<team>.content_elsewhere: such requests may pass.
content_elsewhere_granted if team.content_elsewhere == true

# Tools in a shape nothing here reads: their calls would pass unseen.
deny contains {
	"code": "tools_unreadable",
	"msg": "the request offers tools in a form that cannot be governed",
	"severity": "high",
} if {
	input.action in {"model:invoke", "endpoint:invoke", "kb:retrieve", "api:call"}
	tools_possible
	not tools_governed
}

tools_possible if input.action in {"model:invoke", "endpoint:invoke"}

tools_possible if input.request.tools_unreadable != false

tools_governed if input.request.tools_unreadable == false

tools_governed if data.settings.allow_unreadable_tools == true

deny contains {
	"code": "prompt_oversized",
	"msg": sprintf("the request body is larger than the %v bytes allowed", [body_bytes_max]),
	"severity": "low",
} if {
	input.action in {"model:invoke", "endpoint:invoke", "kb:retrieve", "api:call"}
	size_expected
	not size_within
	not exempt.active("prompt_oversized")
}

size_expected if input.action != "api:call"

size_expected if input.request

size_within if {
	is_number(input.request.bytes)
	input.request.bytes <= body_bytes_max
}

# 25 MiB, as much as Bedrock takes.
default body_bytes_max := 26214400

body_bytes_max := data.settings.body_bytes_max if is_number(data.settings.body_bytes_max)
