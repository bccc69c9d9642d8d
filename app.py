"""The server: `streamlit run app.py`. The network is opened while the first reader's browser is still loading."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st


def warm() -> None:
    """Do what the first reader would otherwise wait for: import torch, open the first network, run it once."""
    from vizcore.imaging import bundled_image
    from vizcore.zoo import open_probe

    open_probe("efficientnet-lite0").predict(bundled_image("cat"))


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """Start warming without keeping the server from answering."""
    threading.Thread(target=warm, daemon=True, name="warm").start()
    yield


app = st.App("pages/index.py", lifespan=lifespan)
