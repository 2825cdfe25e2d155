"""Every command as Invoke sees it. Made once: making a context takes the help texts out of its task."""

from invoke.parser.context import ParserContext

import tasks

CONTEXTS: dict[str, ParserContext] = {str(context.name): context for context in tasks.ns.to_contexts()}
