"""Why a site doesn't answer: a walk from its name to its database that stops at the first break."""
