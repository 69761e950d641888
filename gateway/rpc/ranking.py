"""RankingService: decodes, calls the pipeline, encodes. Knows nothing of how lists are made."""

import time
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from crossrank.v1 import ranking_pb2, ranking_pb2_grpc
from gateway.domain.budget import Call
from gateway.domain.checks import Checks
from gateway.domain.limits import Limits
from gateway.domain.rules import Rules
from gateway.domain.values import Candidate, CandidateOptions, Context, RankedList, RankingOptions
from gateway.rpc.calls import current_call
from gateway.rpc.codec import questions
from gateway.rpc.codec.answers import encode_list
from gateway.rpc.codec.info import encode_info
from gateway.rpc.info import ServerInfo

_STAGES = (ranking_pb2.LIST_STAGE_FIRST_STAGE, ranking_pb2.LIST_STAGE_RERANKED)


class Ranker(Protocol):
    """What the service needs of the pipeline. All methods raise CrossrankError."""

    async def rerank(
        self, context: Context, candidates: Sequence[Candidate], options: RankingOptions, call: Call
    ) -> RankedList:
        """Ranks the caller's candidates."""

    async def recommend(
        self, context: Context, wanted: CandidateOptions, options: RankingOptions, call: Call
    ) -> RankedList:
        """Fetches candidates and ranks them."""

    def recommend_stream(
        self, context: Context, wanted: CandidateOptions, options: RankingOptions, call: Call
    ) -> AsyncIterator[RankedList]:
        """First-stage order, then the re-ranked list."""


class RankingServicer(ranking_pb2_grpc.RankingServiceServicer):
    """Every method answers or raises CrossrankError; the interceptor makes the status."""

    def __init__(self, ranker: Ranker, info: ServerInfo, limits: Limits) -> None:
        self._ranker = ranker
        self._info = info
        self._limits = limits
        self._rules = Rules(limits)

    async def Rerank(self, request: ranking_pb2.RerankRequest, context: object) -> ranking_pb2.RerankResponse:
        """Ranks candidates that the caller names."""
        started = time.perf_counter()
        checks = Checks(self._rules)
        subject = questions.decode_context(checks, request.context)
        candidates = questions.decode_candidates(checks, request.candidates)
        options = questions.decode_options(checks, request.options)
        checks.refuse_faults()
        ranked = await self._ranker.rerank(subject, candidates, options, current_call())
        return ranking_pb2.RerankResponse(**encode_list(ranked, started))

    async def Recommend(self, request: ranking_pb2.RecommendRequest, context: object) -> ranking_pb2.RecommendResponse:
        """Fetches candidates and ranks them."""
        started = time.perf_counter()
        ranked = await self._ranker.recommend(*self._decode(request), current_call())
        return ranking_pb2.RecommendResponse(**encode_list(ranked, started))

    async def SimilarItems(
        self, request: ranking_pb2.SimilarItemsRequest, context: object
    ) -> ranking_pb2.SimilarItemsResponse:
        """Recommends for the readers of one seed item."""
        started = time.perf_counter()
        ranked = await self._ranker.recommend(*self._decode(request), current_call())
        return ranking_pb2.SimilarItemsResponse(**encode_list(ranked, started))

    async def RecommendStream(
        self, request: ranking_pb2.RecommendStreamRequest, context: object
    ) -> AsyncIterator[ranking_pb2.RecommendStreamResponse]:
        """As Recommend, in two answers."""
        started = time.perf_counter()
        position = 0
        async for ranked in self._ranker.recommend_stream(*self._decode(request), current_call()):
            yield ranking_pb2.RecommendStreamResponse(**encode_list(ranked, started), stage=_STAGES[position])
            position += 1

    async def GetInfo(self, request: ranking_pb2.GetInfoRequest, context: object) -> ranking_pb2.GetInfoResponse:
        """Limits and versions."""
        return encode_info(self._info, self._limits)

    def _decode(
        self,
        request: ranking_pb2.RecommendRequest | ranking_pb2.RecommendStreamRequest | ranking_pb2.SimilarItemsRequest,
    ) -> tuple[Context, CandidateOptions, RankingOptions]:
        checks = Checks(self._rules)
        if isinstance(request, ranking_pb2.SimilarItemsRequest):
            subject = questions.decode_seed(checks, request.item_id)
        else:
            subject = questions.decode_context(checks, request.context)
        wanted = questions.decode_sources(checks, request.candidates, self._info.candidate_sources)
        options = questions.decode_options(checks, request.options)
        checks.refuse_faults()
        return subject, wanted, options
