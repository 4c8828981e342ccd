"""Beside: the alpha of VP9 travels beside each packet; how NUT is made to hold it, and to give it back as it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

NUT_OPTIONS: Mapping[str, str] = {"syncpoints": "timestamped", "strict": "experimental"}
"""What makes FFmpeg write NUT of version 4: only that has room beside packets, and only these modes ask for it."""

KIND: Final = "matroska_block_additional"
NUMBER = 15  # of this kind in FFmpeg's AVPacketSideDataType
ID = bytes(7) + b"\x01"  # what stands before the data: 1, alpha


def without_second_id(packet: Packet[VideoStream]) -> Packet[VideoStream]:
    """The packet as it was written: FFmpeg's NUT writer stores the id with the data, and its reader puts another one
    before both. No VP9 frame begins with a zero, so there is no mistaking it."""
    from av.packet import PacketSideData

    data = bytes(packet.get_sidedata(KIND))
    if data.startswith(ID + ID):
        once = PacketSideData(NUMBER, len(data) - len(ID))  # type: ignore[call-arg] # the stub leaves it out
        once.update(data[len(ID) :])
        packet.set_sidedata(once)
    return packet
