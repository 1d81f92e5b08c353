"""Old door to the room `polling`."""

from __future__ import annotations

from .polling import BaseTokenEndpointPoolingJob

__all__ = ["BaseTokenEndpointPoolingJob"]
