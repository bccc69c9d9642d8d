"""How long many readers wait who all ask at once: `python -m benchmarks.readers [READERS] [PAGE] [NETWORK]`.

Every reader is a session of its own over a WebSocket, as a browser opens it, and draws nothing: the machine's time goes
to the server. All ask for a page of another picture and class, so that no answer is ready. Printed are the median and
the 95th percentile of the seconds to the first map and to the end of the page. What they are worth depends on what else
the machine does: compare two runs, not a run with a promise.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect

from benchmarks.hostile import children, settle
from tests.served import serve
from vizcore.imaging import bundled_names

READERS = 30
PATIENCE = 600  # seconds
MAP = "convscope_map"  # the component that draws a map


async def read(url: str, page: str, asked: dict[str, str]) -> tuple[float, float]:
    """Open a page as a browser does; the seconds until its first map and its end."""
    began, first_map = time.perf_counter(), 0.0
    stream = f"{url.replace('http', 'ws')}/_stcore/stream"
    async with connect(stream, subprotocols=["streamlit"], max_size=None) as line:
        message = BackMsg()
        message.rerun_script.query_string, message.rerun_script.page_name = urlencode(asked), page
        await line.send(message.SerializeToString())
        async for received in line:
            heard, now = ForwardMsg.FromString(received), time.perf_counter() - began
            kind = heard.WhichOneof("type")
            if kind == "delta" and heard.delta.new_element.bidi_component.component_name == MAP:
                first_map = first_map or now
            elif kind == "script_finished" and heard.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                return first_map, now
    raise RuntimeError(f"the server closed the connection of a reader of {page}")


async def crowd(url: str, page: str, network: str, readers: int) -> list[tuple[float, float]]:
    """All readers at once."""
    names, asked = bundled_names(), []
    for number in range(readers):
        unit = f"scores:{(17 * number + 3) % 64}"  # 64 classes are those of the small twins
        asked.append({"network": network, "image": names[number % len(names)], "unit": unit})
    async with asyncio.timeout(PATIENCE):
        return await asyncio.gather(*(read(url, page, one) for one in asked))


def late(values: list[float]) -> str:
    """The median and the 95th percentile."""
    return f"{statistics.median(values):8.2f} {statistics.quantiles(values, n=20, method='inclusive')[-1]:8.2f}"


def main() -> None:
    """Print one line for the first map and one for the page."""
    readers = int(sys.argv[1]) if len(sys.argv) > 1 else READERS
    page = sys.argv[2] if len(sys.argv) > 2 else "cam"
    network = sys.argv[3] if len(sys.argv) > 3 else "efficientnet-lite0"
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder, "log.txt"), Path(folder, "cache")) as url:
        asyncio.run(crowd(url, page, network, 1))  # the network is open, the code compiled
        settle(*children())  # and nobody's meter runs any more
        found = asyncio.run(crowd(url, page, network, readers + 1))[1:]  # the first of them has its answer already
        maps, pages = zip(*found, strict=True)
        print(f"{readers} readers of {page}     median   95 %   (seconds)")
        print(f"  the first map    {late(maps)}\n  the page         {late(pages)}")


if __name__ == "__main__":
    main()
