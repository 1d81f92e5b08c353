"""Old door to the second names of polling jobs and serializers."""

from __future__ import annotations

from .backchannel_authentication import BackChannelAuthenticationPoolingJob
from .device_authorization import DeviceAuthorizationPoolingJob
from .polling import BaseTokenEndpointPoolingJob
from .serializers import BearerTokenSerializer

__all__ = [
    "BackChannelAuthenticationPoolingJob",
    "BaseTokenEndpointPoolingJob",
    "BearerTokenSerializer",
    "DeviceAuthorizationPoolingJob",
]
