# METADATA
# title: Exemptions
# description: |
#   Answers whether the caller holds an exemption for a deny code that has not expired. An exemption is data with
#   an end, so a rule never has to be edited, or left out, for one team. This package decides nothing: only a deny
#   that asks for its own code can be lifted, and most of them do not ask.
package lib.exempt

# data.exemptions: {code: [{"principal": {"team": …, "app": …, "env": …}, "expires": unix seconds, …}]}
active(code) if {
	some entry in data.exemptions[code]

	# A date written as text would compare as later than any number and never end.
	is_number(entry.expires)
	input.time.unix < entry.expires
	names_caller(entry.principal)
}

# Everything the exemption names must match; one that names nothing is for nobody.
names_caller(principal) if {
	is_object(principal)
	principal != {}
	every key, value in principal {
		caller_has(key, value)
	}
}

# Only what Hardpan verified can be named. The user is what the application claims, so it cannot.
caller_has(key, value) if {
	key in {"team", "app", "env"}
	input.principal[key] == value
}
