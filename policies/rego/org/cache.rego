# METADATA
# title: Answer cache
# description: |
#   Which answers may be kept and given again: those of teams that ask for it, at temperature 0, without tools, to
#   requests whose content is all in them.
#   Silence means no cache, so every doubt here ends in silence and nothing is ever refused.
package policy.org.cache

team := data.teams[input.principal.team]

apply contains {"cache": {"scope": scope, "ttl_s": ttl_s}} if {
	input.action == "model:invoke"
	input.request.params.temperature == 0
	input.request.tools_unreadable == false
	input.request.content_elsewhere == false
	not tools_offered
	ttl_s := team.cache.ttl_s
	is_number(ttl_s)
	ttl_s > 0
	scope in {"user", "team", "app", "org"}
	scope_applies
}

tools_offered if count(input.request.tools) > 0

default scope := "app"

scope := team.cache.scope

# Without a user, entries kept per user would be shared by everyone.
scope_applies if scope != "user"

scope_applies if input.principal.user != ""
