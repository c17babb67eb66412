# METADATA
# title: Baseline
# description: |
#   What must hold for every request, whatever a team was granted: a verified caller, a request that was read and
#   inspected, tools that can be governed, a bounded size. It grants nothing, and a fact that is missing is refused
#   like a bad one.
package policy.org.baseline

import data.lib.exempt

deny contains {
	"code": "principal_unverified",
	"msg": "the caller could not be verified",
	"severity": "critical",
} if {
	input.action in {"model:invoke", "tool:use"}
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
	input.action == "model:invoke"
	not parsed
}

parsed if input.request.parsed == true

deny contains {
	"code": "request_uninspected",
	"msg": "the request was not inspected",
	"severity": "high",
} if {
	input.action == "model:invoke"
	not inspected
}

inspected if {
	is_number(input.signals.secrets)
	is_number(input.signals.injection)
}

# Tools in a shape nothing here reads: their calls would pass unseen.
deny contains {
	"code": "tools_unreadable",
	"msg": "the request offers tools in a form that cannot be governed",
	"severity": "high",
} if {
	input.action == "model:invoke"
	not tools_governed
}

tools_governed if input.request.tools_unreadable == false

tools_governed if data.settings.allow_unreadable_tools == true

deny contains {
	"code": "prompt_oversized",
	"msg": sprintf("the request body is larger than the %v bytes allowed", [body_bytes_max]),
	"severity": "low",
} if {
	input.action == "model:invoke"
	not size_within
	not exempt.active("prompt_oversized")
}

size_within if {
	is_number(input.request.bytes)
	input.request.bytes <= body_bytes_max
}

# 25 MiB, as much as Bedrock takes.
default body_bytes_max := 26214400

body_bytes_max := data.settings.body_bytes_max if is_number(data.settings.body_bytes_max)
