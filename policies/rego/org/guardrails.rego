# METADATA
# title: Content of requests
# description: |
#   What findings in a request mean: personal data is masked, secrets are masked or refused, a likely injection is
#   refused, and a Bedrock guardrail is attached where one is configured. Detection itself is Hardpan's, and
#   answers of the model are not judged here. A guardrail is Bedrock's: endpoints of SageMaker and other operations
#   have no place for one.
package policy.org.guardrails

import data.lib.exempt

team := data.teams[input.principal.team]

# Masking. data.settings.redact_types lists the types that are hidden, redact_mode says how ("mask", "fake", "hash",
# "token", "label", "drop") and redact_where in which places ("request", "response", "tool").

apply contains {"redact": {"types": types, "where": redact_where, "mode": redact_mode}} if {
	input.action in {"model:invoke", "endpoint:invoke", "kb:retrieve", "api:call"}
	types := redacted_types
}

redacted_types := "*" if {
	"*" in redact_types
	sensitive
}

redacted_types := types if {
	not "*" in redact_types
	listed := {kind | some kind in redact_types; wanted(kind)}
	types := sort(listed | wanted_secret_types)
	count(types) > 0
}

# Only a list narrows what is masked; a setting of any other shape masks everything.
default redact_types := ["*"]

redact_types := data.settings.redact_types if is_array(data.settings.redact_types)

# What is no mode and no list of places is no obligation either: such a request is refused as a policy error.
default redact_mode := "mask"

redact_mode := data.settings.redact_mode

default redact_where := ["request"]

redact_where := data.settings.redact_where

# Nobody knows yet what an answer will hold: beyond the request everything listed is hidden, found or not.
beyond_request if redact_where != ["request"]

sensitive if count(found_types) > 0

sensitive if input.signals.secrets > 0

sensitive if beyond_request

wanted(kind) if kind in found_types

wanted(kind) if {
	is_string(kind)
	beyond_request
}

found_types := {kind | some kind; input.signals.pii[kind] > 0}

# Secrets arrive as one number. They are masked whatever the list says.
wanted_secret_types := {kind | some kind in secret_types; secrets_wanted}

secret_types := {"AWS_ACCESS_KEY", "AWS_SECRET_KEY", "API_KEY", "JWT", "PRIVATE_KEY", "PASSWORD"}

secrets_wanted if input.signals.secrets > 0

secrets_wanted if beyond_request

# Secrets.

default secrets_setting := "mask"

secrets_setting := data.settings.secrets

# Any setting but "mask" refuses, so a misspelt "deny" does too.
deny contains {
	"code": "secrets_in_prompt",
	"msg": "the request contains credentials",
	"severity": "high",
} if {
	input.action in {"model:invoke", "endpoint:invoke", "kb:retrieve", "api:call"}
	input.signals.secrets > 0
	secrets_setting != "mask"
	not exempt.active("secrets_in_prompt")
}

# Injection.

default injection_setting := "deny"

injection_setting := data.settings.injection

default injection_deny_at := 0.8

# Text compares as greater than every number, so a threshold that is not a number counts as not set.
injection_deny_at := data.settings.injection_deny_at if is_number(data.settings.injection_deny_at)

default injection_warn_at := 0.5

injection_warn_at := data.settings.injection_warn_at if is_number(data.settings.injection_warn_at)

# The score stays out of the message: it would tell an attacker how far to go.
deny contains {
	"code": "injection_suspected",
	"msg": "the request looks like an attempt to override the application's instructions",
	"severity": "high",
} if {
	input.action in {"model:invoke", "endpoint:invoke", "kb:retrieve", "api:call"}
	injection_refused
}

injection_refused if {
	injection_setting != "detect"
	input.signals.injection >= injection_deny_at
	not exempt.active("injection_suspected")
}

warn contains {
	"code": "injection_possible",
	"msg": "the request resembles an attempt to override the application's instructions",
	"severity": "low",
} if {
	input.action in {"model:invoke", "endpoint:invoke", "kb:retrieve", "api:call"}
	input.signals.injection >= injection_warn_at
	not injection_refused
}

# Bedrock Guardrails.

# The guardrail of the team's data class, else the default one; none where neither is configured.
selected := spec if {
	spec := data.guardrails[team.data_class]
} else := spec if {
	spec := data.guardrails["default"]
}

apply contains {"guardrail": {"id": selected.id, "version": selected.version}} if {
	input.action in {"model:invoke", "kb:retrieve"}
	not counts_only
	usable(selected)
}

# Counting tokens shows nobody anything, and has no place for a guardrail.
counts_only if input.api.operation in {"CountTokens", "MessagesCountTokens"}

# The two denials below exist because an obligation that cannot be built disappears without a word.
deny contains {
	"code": "guardrail_unusable",
	"msg": "the guardrail configured for this team has no id or no version",
	"severity": "high",
} if {
	input.action in {"model:invoke", "kb:retrieve"}
	spec := selected
	not usable(spec)
}

deny contains {
	"code": "guardrail_missing",
	"msg": sprintf("no guardrail is configured for data class %v", [class]),
	"severity": "high",
} if {
	input.action in {"model:invoke", "kb:retrieve"}
	class := team.data_class
	is_object(data.guardrails)
	not selected
}

usable(spec) if {
	is_string(spec.id)
	is_string(spec.version)
	spec.id != ""
	spec.version != ""
}
