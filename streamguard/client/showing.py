"""How the reader of a stream ends up with exactly what the response says. Pure."""

from collections.abc import Sequence

from streamguard.events.outcome import Response
from streamguard.events.reading import ChunkReader, Told


def closing(reader: ChunkReader, response: Response) -> Sequence[Told]:
    """What a reader who was told all that `reader` gave must still be told, now that the response is there.

    The response decides. Chunks may be late, or may not come at all (a request that ended before a model was asked): what is
    missing is told at once; what is shown and is not in the answer is taken back.
    """
    shown = reader.text
    if response.output is None:
        # an answer that calls tools alone is a complete one, without text
        if response.status == "answered" and not shown:
            return () if reader.state == "final" else (Told("final"),)
        return (Told("retracted"),) if shown or reader.state == "final" else ()
    if shown == response.output:
        return () if reader.state == "final" else (Told("final"),)
    if response.output.startswith(shown) and reader.state != "final":
        return (Told("text", response.output.removeprefix(shown)), Told("final"))
    anew = (Told("restarted"),) if shown else ()
    text = (Told("text", response.output),) if response.output else ()
    return (*anew, *text, Told("final"))
