# METADATA
# title: Tests of lists of names
# description: What an entry stands for, and that a list of any other shape stands for nothing.
package lib.names_test

import data.lib.names

test_exact_name_is_granted if {
	names.granted(["a", "llama-prod"], "llama-prod")
	not names.granted(["llama-prod"], "llama-prod-2")
	not names.granted(["llama-prod"], "Llama-prod")
	not names.granted([], "llama-prod")
}

test_beginning_with_a_star_is_granted if {
	names.granted(["llama-*"], "llama-prod")
	names.granted(["llama-*"], "llama-")
	names.granted(["*"], "anything")
	not names.granted(["llama-*"], "my-llama-prod")
	not names.granted(["llama-*"], "llama")
}

test_star_elsewhere_is_a_letter if {
	not names.granted(["*-prod"], "llama-prod")
	not names.granted(["llama-*-x"], "llama-prod-x")
}

test_other_shapes_grant_nothing if {
	every list in ["llama-prod", {"llama-prod": true}, 5, null, true, [5, null, ["llama-prod"]]] {
		not names.granted(list, "llama-prod")
	}
	every name in [5, null, ["llama-prod"]] {
		not names.granted(["*"], name)
	}
}
